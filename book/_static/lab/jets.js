/* Functions that know their derivatives, as lib/jets.py has them: a jet takes points to its value, slope and bend.
   Every file of the laboratory is a part, which the worker runs again. */
var lab = {parts: []};
lab.part = make => { lab.parts.push(make); make(lab); };

lab.part(lab => {
  "use strict";
  /** A function that works out each thing once. */
  lab.kept = (make, held = new Map()) => key => held.get(key) ?? held.set(key, make(key)).get(key);

  const constant = (x, order, value) => Array.from({length: order + 1}, (_, k) =>
    new Float64Array(x.length).fill(k ? 0 : value));
  /** `at(x, order)` gives arrays of values and derivatives; the rest as in lib.jets.Jet. */
  const jet = (at, kinks = [], straight = false, hidden = false) =>
    ({at, kinks: [...new Set(kinks)].sort((a, b) => a - b), straight, hidden, constant: null});
  const number = value => ({...jet((x, order) => constant(x, order, value), [], true), constant: value});
  const X = jet((x, order) => [x, ...constant(x, order, 1)].slice(0, order + 1), [], true);
  const made = one => typeof one === "number" ? number(one) : one;
  const times = (outer, inner) => outer === 0 || inner === 0 ? 0 : outer * inner;

  /** A jet made of others, with their kinks and its own; `fill(out, ...theirs)` works it out. */
  function built(parts, fill, straight = false, kinks = [], hidden = false) {
    parts = parts.map(made);
    let last, out = [];  // a part that stands in two places is worked out once
    const at = (x, order) => {
      if (x === last && out.length > order) return out.slice(0, order + 1);
      [last, out] = [x, constant(x, order, 0)];
      fill(out, ...parts.map(one => one.at(x, order)));
      return out;
    };
    if (parts.every(one => one.constant !== null)) return number(at([0], 0)[0][0]);
    return jet(at, kinks.concat(...parts.map(one => one.kinks)), straight, hidden || parts.some(one => one.hidden));
  }

  const add = (a, b, sign = 1) => built([a, b], (out, u, v) => out.forEach((y, k) => {
    for (let i = 0; i < y.length; i++) y[i] = u[k][i] + sign * v[k][i];
  }), made(a).straight && made(b).straight);
  const sub = (a, b) => add(a, b, -1);
  const mul = (a, b) => built([a, b], ([y, d, s], u, v) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = u[0][i] * v[0][i];
      if (d) d[i] = times(u[1][i], v[0][i]) + times(u[0][i], v[1][i]);
      if (s) s[i] = times(u[2][i], v[0][i]) + 2 * times(u[1][i], v[1][i]) + times(u[0][i], v[2][i]);
    }
  }, made(a).constant !== null ? made(b).straight : made(b).constant !== null && a.straight);

  /** A smooth function of jets from its value, slope and bend; a slope of 0 wins over infinity. */
  const smooth = (f, df, d2f) => u => built([u], ([y, d, s], v) => {
    for (let i = 0; i < y.length; i++) {
      const x = v[0][i], slope = d && df(x);
      y[i] = f(x);
      if (d) d[i] = times(slope, v[1][i]);
      if (s) s[i] = times(times(d2f(x), v[1][i]), v[1][i]) + times(slope, v[2][i]);
    }
  });
  const power = (u, p) => p === 0 ? number(1) : p === 1 ? u
    : smooth(x => x ** p, x => p * x ** (p - 1), x => p * (p - 1) * x ** (p - 2))(u);

  /** `a` where p > q, otherwise `b`; the kinks are found where p - q is straight. */
  function choice(p, q, a, b) {
    const gap = sub(p, q);
    if (gap.constant !== null) return made(gap.constant > 0 ? a : b);
    return built([a, b, p, q], (out, u, v, [s], [t]) => out.forEach((y, k) => {
      for (let i = 0; i < y.length; i++) y[i] = (s[i] > t[i] ? u : v)[k][i];
    }), made(a).straight && made(b).straight, gap.straight ? roots(gap) : [], !gap.straight);
  }

  /** Where a function that is straight between its kinks crosses zero. */
  function roots(gap) {
    return [-Infinity, ...gap.kinks].flatMap((left, i) => {
      const right = gap.kinks[i] ?? Infinity, step = Math.min(0.5, 0.25 * (right - left));
      const middle = 0.5 * (Math.max(left, Math.min(right, 1) - 2) + Math.min(right, Math.max(left, -1) + 2));
      const [low, high] = gap.at([middle - step, middle + step], 0)[0];
      const root = middle - step + 2 * step * low / (low - high);
      return low !== high && left <= root && root <= right ? [+root.toPrecision(15) + 0] : [];
    });
  }

  function erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let sum = x, term = x;
    for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) sum += term *= 2 * x * x / (2 * k + 1);
    return 2 / sqrt(PI) * exp(-x * x) * sum;
  }

  const {exp, expm1, log, log1p, sin, cos, sinh, cosh, tanh, atan, sqrt, PI} = Math;
  const sech2 = x => 4 / (exp(x) + exp(-x)) ** 2, logistic = x => 1 / (1 + exp(-x));
  const bell = x => exp(-0.5 * x * x) / sqrt(2 * PI), below = x => 0.5 + 0.5 * erf(x * sqrt(0.5));
  const sigmoid = smooth(logistic, x => 0.25 * sech2(x / 2), x => -0.25 * tanh(x / 2) * sech2(x / 2));
  const max = (a, b, ...more) => more.reduce((all, one) => max(all, one), choice(a, b, a, b));
  const min = (a, b, ...more) => more.reduce((all, one) => min(all, one), choice(a, b, b, a));
  const clip = (u, low, high) => min(max(u, low), high);
  const elu = (u, alpha = 1) => choice(u, 0, u, mul(alpha, FUNCTIONS.expm1[0](u)));
  const arctan = smooth(atan, x => 1 / (1 + x * x), x => -2 * x / (1 + x * x) ** 2);
  const swish = (u, beta = 1) => mul(u, sigmoid(mul(beta, u)));

  /** Each with how many arguments it takes, at least and at most. */
  const FUNCTIONS = {
    abs: [u => max(u, mul(-1, u)), 1, 1], arctan: [arctan, 1, 1], atan: [arctan, 1, 1], clip: [clip, 3, 3],
    cos: [smooth(cos, x => -sin(x), x => -cos(x)), 1, 1], cosh: [smooth(cosh, sinh, cosh), 1, 1], elu: [elu, 1, 2],
    erf: [smooth(erf, x => 2 / sqrt(PI) * exp(-x * x), x => -4 * x / sqrt(PI) * exp(-x * x)), 1, 1],
    exp: [smooth(exp, exp, exp), 1, 1], expm1: [smooth(expm1, exp, exp), 1, 1],
    gelu: [smooth(x => x * below(x), x => below(x) + x * bell(x), x => bell(x) * (2 - x * x)), 1, 1],
    hard_tanh: [u => clip(u, -1, 1), 1, 1], leaky_relu: [(u, slope = 0.01) => choice(u, 0, u, mul(slope, u)), 1, 2],
    log: [smooth(log, x => 1 / x, x => -1 / (x * x)), 1, 1],
    log1p: [smooth(log1p, x => 1 / (1 + x), x => -1 / (1 + x) ** 2), 1, 1],
    max: [max, 2, Infinity], min: [min, 2, Infinity], relu: [u => max(u, 0), 1, 1],
    selu: [u => mul(1.0507009873554805, elu(u, 1.6732632423543772)), 1, 1],
    sigmoid: [sigmoid, 1, 1], silu: [swish, 1, 2], sin: [smooth(sin, cos, x => -sin(x)), 1, 1],
    sinh: [smooth(sinh, cosh, sinh), 1, 1],
    softplus: [smooth(x => Math.max(x, 0) + log1p(exp(-Math.abs(x))), logistic, x => 0.25 * sech2(x / 2)), 1, 1],
    sqrt: [u => power(u, 0.5), 1, 1], swish: [swish, 1, 2],
    tanh: [smooth(tanh, sech2, x => -2 * tanh(x) * sech2(x)), 1, 1],
  };
  const div = (a, b) => mul(a, b.constant === null ? power(b, -1) : 1 / b.constant);
  Object.assign(lab, {FUNCTIONS, X, number, add, sub, mul, div, power, exp: FUNCTIONS.exp[0]});
});
