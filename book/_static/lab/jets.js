/* Functions that know their derivatives, as lib/jets.py has them: a jet takes points to its value,
   slope and bend there. Every file of the laboratory is a part, which the worker runs again. */
var lab = {parts: []};
lab.part = make => { lab.parts.push(make); make(lab); };

lab.part(lab => {
  "use strict";
  const like = (x, order) => Array.from({length: order + 1}, () => new Float64Array(x.length));

  /** `at(x, order)` gives arrays of values and derivatives; the rest as in lib.jets.Jet. */
  const jet = (at, kinks = [], straight = false, hidden = false) =>
    ({at, kinks: [...new Set(kinks)].sort((a, b) => a - b), straight, hidden, constant: null});

  const number = value => ({...jet((x, order) => {
    const out = like(x, order);
    out[0].fill(value);
    return out;
  }, [], true), constant: value});

  const X = jet((x, order) => {
    const out = like(x, order);
    out[0].set(x);
    if (order) out[1].fill(1);
    return out;
  }, [], true);

  const made = one => typeof one === "number" ? number(one) : one;
  const times = (outer, inner) => outer === 0 || inner === 0 ? 0 : outer * inner;

  /** A jet made of others, with their kinks and its own; `fill(out, ...theirs)` works it out. */
  function built(parts, fill, straight = false, kinks = [], hidden = false) {
    const at = (x, order) => {
      const out = like(x, order);
      fill(out, ...parts.map(one => one.at(x, order)));
      return out;
    };
    if (parts.every(one => one.constant !== null)) return number(at(new Float64Array(1), 0)[0][0]);
    return jet(at, kinks.concat(...parts.map(one => one.kinks)), straight,
               hidden || parts.some(one => one.hidden));
  }

  const add = (a, b, sign = 1) => built([made(a), made(b)], (out, u, v) => out.forEach((y, k) => {
    for (let i = 0; i < y.length; i++) y[i] = u[k][i] + sign * v[k][i];
  }), made(a).straight && made(b).straight);
  const sub = (a, b) => add(a, b, -1);

  const mul = (a, b) => ((a, b) => built([a, b], ([y, d, s], u, v) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = u[0][i] * v[0][i];
      if (d) d[i] = times(u[1][i], v[0][i]) + times(u[0][i], v[1][i]);
      if (s) s[i] = times(u[2][i], v[0][i]) + 2 * times(u[1][i], v[1][i]) + times(u[0][i], v[2][i]);
    }
  }, a.straight && b.straight && (a.constant !== null || b.constant !== null)))(made(a), made(b));

  /** A smooth function of jets from its value, slope and bend; a slope of 0 wins over infinity. */
  const smooth = (f, df, d2f) => u => built([made(u)], ([y, d, s], v) => {
    for (let i = 0; i < y.length; i++) {
      const x = v[0][i], slope = d && df(x);
      y[i] = f(x);
      if (d) d[i] = times(slope, v[1][i]);
      if (s) s[i] = times(times(d2f(x), v[1][i]), v[1][i]) + times(slope, v[2][i]);
    }
  });

  function power(u, p) {
    if (p === 0 || p === 1) return p ? u : number(1);
    return smooth(x => x ** p, x => p * x ** (p - 1), x => p * (p - 1) * x ** (p - 2))(u);
  }

  /** `a` where p > q, otherwise `b`; the kinks are found where p - q is straight. */
  function choice(p, q, a, b) {
    const gap = sub(p, q);
    [a, b] = [made(a), made(b)];
    if (gap.constant !== null) return gap.constant > 0 ? a : b;
    return built([a, b, made(p), made(q)], (out, u, v, [s], [t]) => out.forEach((y, k) => {
      for (let i = 0; i < y.length; i++) y[i] = (s[i] > t[i] ? u : v)[k][i];
    }), a.straight && b.straight, gap.straight ? roots(gap) : [], !gap.straight);
  }

  /** Where a function that is straight between its kinks crosses zero. */
  function roots(gap) {
    const edges = [-Infinity, ...gap.kinks, Infinity], found = [];
    for (let i = 0; i + 1 < edges.length; i++) {
      const [left, right] = [edges[i], edges[i + 1]];
      const middle = 0.5 * (Math.max(left, Math.min(right, 1) - 2)
                            + Math.min(right, Math.max(left, -1) + 2));
      const step = Math.min(0.5, 0.25 * (right - left));
      const [low, high] = gap.at(Float64Array.of(middle - step, middle + step), 0)[0];
      const root = middle - step + 2 * step * low / (low - high);
      if (low !== high && left <= root && root <= right) found.push(+root.toPrecision(15) + 0);
    }
    return found;
  }

  function erf(x) {
    const size = Math.abs(x), square = x * x;
    if (size > 6) return Math.sign(x);
    let sum = x, term = x;
    if (size < 2.5) {
      for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
        term *= 2 * square / (2 * k + 1);
        sum += term;
      }
      return 2 / Math.sqrt(Math.PI) * Math.exp(-square) * sum;
    }
    sum = size;
    for (let k = 60; k > 0; k--) sum = size + 0.5 * k / sum;
    return Math.sign(x) * (1 - Math.exp(-square) / (Math.sqrt(Math.PI) * sum));
  }

  const {exp, expm1, log, log1p, sin, cos, sinh, cosh, tanh, atan, sqrt, PI} = Math;
  const sech2 = x => 4 / (exp(x) + exp(-x)) ** 2, logistic = x => 1 / (1 + exp(-x));
  const bell = x => exp(-0.5 * x * x) / sqrt(2 * PI), below = x => 0.5 + 0.5 * erf(x * sqrt(0.5));
  const sigmoid = smooth(logistic, x => 0.25 * sech2(0.5 * x),
                         x => -0.25 * tanh(0.5 * x) * sech2(0.5 * x));
  const max = (a, b, ...more) => more.reduce((all, one) => max(all, one), choice(a, b, a, b));
  const min = (a, b, ...more) => more.reduce((all, one) => min(all, one), choice(a, b, b, a));
  const elu = (u, alpha = 1) => choice(u, 0, u, mul(alpha, FUNCTIONS.expm1[0](u)));
  const arctan = smooth(atan, x => 1 / (1 + x * x), x => -2 * x / (1 + x * x) ** 2);
  const swish = (u, beta = 1) => mul(u, sigmoid(mul(beta, u)));
  const clip = (u, low, high) => min(max(u, low), high);

  /** Each with how many arguments it takes, at least and at most. */
  const FUNCTIONS = {
    abs: [u => choice(u, mul(-1, u), u, mul(-1, u)), 1, 1], arctan: [arctan, 1, 1],
    atan: [arctan, 1, 1], clip: [clip, 3, 3],
    cos: [smooth(cos, x => -sin(x), x => -cos(x)), 1, 1],
    cosh: [smooth(cosh, sinh, cosh), 1, 1], elu: [elu, 1, 2],
    erf: [smooth(erf, x => 2 / sqrt(PI) * exp(-x * x), x => -4 * x / sqrt(PI) * exp(-x * x)), 1, 1],
    exp: [smooth(exp, exp, exp), 1, 1], expm1: [smooth(expm1, exp, exp), 1, 1],
    gelu: [smooth(x => x * below(x), x => below(x) + x * bell(x), x => bell(x) * (2 - x * x)), 1, 1],
    hard_tanh: [u => clip(u, -1, 1), 1, 1],
    leaky_relu: [(u, slope = 0.01) => choice(u, 0, u, mul(slope, u)), 1, 2],
    log: [smooth(log, x => 1 / x, x => -1 / (x * x)), 1, 1],
    log1p: [smooth(log1p, x => 1 / (1 + x), x => -1 / (1 + x) ** 2), 1, 1],
    max: [max, 2, Infinity], min: [min, 2, Infinity], relu: [u => max(u, 0), 1, 1],
    selu: [u => mul(1.0507009873554805, elu(u, 1.6732632423543772)), 1, 1],
    sigmoid: [sigmoid, 1, 1], silu: [swish, 1, 2],
    sin: [smooth(sin, cos, x => -sin(x)), 1, 1], sinh: [smooth(sinh, cosh, sinh), 1, 1],
    softplus: [smooth(x => Math.max(x, 0) + log1p(exp(-Math.abs(x))), logistic,
                      x => 0.25 * sech2(0.5 * x)), 1, 1],
    sqrt: [u => power(u, 0.5), 1, 1], swish: [swish, 1, 2],
    tanh: [smooth(tanh, sech2, x => -2 * tanh(x) * sech2(x)), 1, 1],
  };

  Object.assign(lab, {FUNCTIONS, X, number, add, sub, mul, power, clip,
                      div: (a, b) => mul(a, b.constant === null ? power(b, -1) : 1 / b.constant),
                      exp: FUNCTIONS.exp[0]});
});
