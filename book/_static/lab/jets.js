/* Functions that know their derivatives, as lib/jets.py has them: a jet takes points to its value, slope and bend.
   Every file of the laboratory is a part, which the worker runs again. */
var lab = {parts: []};
lab.part = make => { lab.parts.push(make); make(lab); };
/** The parts once more, beside the page; it answers one question after another, and then says that it is done. */
lab.worker = () => new Worker(URL.createObjectURL(new Blob([`var lab = {};
  ${lab.parts.map(make => `(${make})(lab);`).join("\n")}
  onmessage = ({data}) => { for (const one of lab.answers(data)) postMessage(one); postMessage({done: true}); };`],
  {type: "text/javascript"})));

lab.part(lab => {
  "use strict";
  /** A function that works out each thing once. */
  lab.kept = (make, held = new Map()) => key => held.get(key) ?? held.set(key, make(key)).get(key);

  const constant = (x, order, value) => Array.from({length: order + 1}, (_, k) => new Float64Array(x.length).fill(k ? 0 : value));
  /** `at(x, order)` gives arrays of values and derivatives; the rest as in lib.jets.Jet. */
  const jet = (at, parity, straight, kinks = [], hidden = false) =>
    ({at, parity, kinks: [...new Set(kinks)].sort((a, b) => a - b), straight, hidden, constant: null});
  const number = value => ({...jet((x, order) => constant(x, order, value), 1, true), constant: value});
  const X = jet((x, order) => [x, ...constant(x, order, 1)].slice(0, order + 1), -1, true);
  const made = one => typeof one === "number" ? number(one) : one, times = (outer, inner) => outer === 0 || inner === 0 ? 0 : outer * inner;

  /** A jet made of others, with their kinks and its own; `fill(out, ...theirs)` works it out. */
  function built(parts, fill, parity, straight = false, kinks = [], hidden = false) {
    let last, out = [];  // a part that stands in two places is worked out once
    const at = (x, order) => {
      if (x === last && out.length > order) return out.slice(0, order + 1);
      [last, out] = [x, constant(x, order, 0)];
      fill(out, ...parts.map(one => one.at(x, order)));
      return out;
    };
    if (parts.every(one => one.constant !== null)) return number(at([0], 0)[0][0]);
    return jet(at, parity, straight, kinks.concat(...parts.map(one => one.kinks)), hidden || parts.some(one => one.hidden));
  }

  /** A function of jets, or of numbers in their place. */
  const ofJets = f => (a, b, ...more) => f(made(a), made(b), ...more);
  const add = ofJets((a, b, sign = 1) => built([a, b], (out, u, v) => out.forEach((y, k) => {
    for (let i = 0; i < y.length; i++) y[i] = u[k][i] + sign * v[k][i];
  }), a.parity === b.parity ? a.parity : 0, a.straight && b.straight));
  const sub = (a, b) => add(a, b, -1), div = (a, b) => mul(a, b.constant === null ? power(b, -1) : 1 / b.constant);
  const mul = ofJets((a, b) => built([a, b], ([y, d, s], u, v) => {
    for (let i = 0; i < y.length; i++) {
      y[i] = u[0][i] * v[0][i];
      if (d) d[i] = times(u[1][i], v[0][i]) + times(u[0][i], v[1][i]);
      if (s) s[i] = times(u[2][i], v[0][i]) + 2 * times(u[1][i], v[1][i]) + times(u[0][i], v[2][i]);
    }
  }, a.parity * b.parity, a.constant !== null ? b.straight : b.constant !== null && a.straight));

  /** A smooth function of jets from its value, slope and bend; a slope of 0 wins over infinity. */
  const smooth = (f, df, d2f, parity = 0) => u => built([u], ([y, d, s], v) => {
    for (let i = 0; i < y.length; i++) {
      const x = v[0][i], slope = d && df(x);
      y[i] = f(x);
      if (d) d[i] = times(slope, v[1][i]);
      if (s) s[i] = times(times(d2f(x), v[1][i]), v[1][i]) + times(slope, v[2][i]);
    }
  }, u.parity < 0 ? parity : u.parity);
  const power = (u, p) => p === 0 ? number(1) : p === 1 ? u
    : smooth(x => x ** p, x => p * x ** (p - 1), x => p * (p - 1) * x ** (p - 2), [1, -1][Math.abs(p) % 2] ?? 0)(u);

  /** `a` where p > q, otherwise `b`; the kinks are found where p - q is straight. */
  function choice(p, q, a, b, parity) {
    const gap = sub(p, q), parts = [a, b, p, q].map(made);
    if (gap.constant !== null) return parts[gap.constant > 0 ? 0 : 1];
    return built(parts, (out, u, v, [s], [t]) => out.forEach((y, k) => y.forEach((_, i) => { y[i] = (s[i] > t[i] ? u : v)[k][i]; })),
      parity ?? +[gap, ...parts.slice(0, 2)].every(one => one.parity === 1), parts[0].straight && parts[1].straight,
      gap.straight ? roots(gap) : [], !gap.straight);
  }

  /** Where a function that is straight between its kinks crosses zero. */
  function roots(gap) {
    return [-Infinity, ...gap.kinks].flatMap((left, i) => {
      const right = gap.kinks[i] ?? Infinity, step = Math.min(0.5, 0.25 * (right - left));
      const middle = 0.5 * (Math.max(left, Math.min(right, 1) - 2) + Math.min(right, Math.max(left, -1) + 2));
      const [low, high] = gap.at([middle - step, middle + step], 0)[0], root = middle - step + 2 * step * low / (low - high);
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
  const softplus = smooth(x => Math.max(x, 0) + log1p(exp(-Math.abs(x))), logistic, x => 0.25 * sech2(x / 2));
  const sigmoid = smooth(logistic, x => 0.25 * sech2(x / 2), x => -0.25 * tanh(x / 2) * sech2(x / 2));
  const max = (a, b, ...more) => more.reduce((all, one) => max(all, one), choice(a, b, a, b));
  const min = (a, b, ...more) => more.reduce((all, one) => min(all, one), choice(a, b, b, a));
  const clip = (u, low, high) => ({...min(max(u, low), high), ...made(low).constant === -made(high).constant && {parity: u.parity}});
  const abs = u => choice(u, mul(-1, u), u, mul(-1, u), Math.abs(u.parity)), relu6 = u => clip(u, 0, 6);
  const elu = (u, alpha = 1) => choice(u, 0, u, mul(alpha, FUNCTIONS.expm1(u))), swish = (u, beta = 1) => mul(u, sigmoid(mul(beta, u)));
  const arctan = smooth(atan, x => 1 / (1 + x * x), x => -2 * x / (1 + x * x) ** 2, -1);
  const hyperbolic = smooth(tanh, sech2, x => -2 * tanh(x) * sech2(x), -1), hardSigmoid = u => mul(relu6(add(u, 3)), 1 / 6);

  const ln = smooth(log, x => 1 / x, x => -1 / (x * x)), FUNCTIONS = {
    abs, arctan, atan: arctan, clip, cos: smooth(cos, x => -sin(x), x => -cos(x), 1), cosh: smooth(cosh, sinh, cosh, 1), elu,
    erf: smooth(erf, x => 2 / sqrt(PI) * exp(-x * x), x => -4 * x / sqrt(PI) * exp(-x * x), -1), exp: smooth(exp, exp, exp),
    expm1: smooth(expm1, exp, exp), gelu: smooth(x => x * below(x), x => below(x) + x * bell(x), x => bell(x) * (2 - x * x)),
    hard_sigmoid: hardSigmoid, hard_swish: u => mul(u, hardSigmoid(u)), hard_tanh: u => clip(u, -1, 1),
    leaky_relu: (u, slope = 0.01) => choice(u, 0, u, mul(slope, u)), ln, log: ln,
    log1p: smooth(log1p, x => 1 / (1 + x), x => -1 / (1 + x) ** 2), max, maximum: max, min, minimum: min,
    mish: u => mul(u, hyperbolic(softplus(u))), relu: u => max(u, 0), relu6,
    selu: u => mul(1.0507009873554805, elu(u, 1.6732632423543772)), sigmoid, sign: u => choice(u, 0, 1, -1, u.parity),
    silu: swish, sin: smooth(sin, cos, x => -sin(x), -1), sinh: smooth(sinh, cosh, sinh, -1), softplus,
    softsign: u => div(u, add(1, abs(u))), sqrt: u => power(u, 0.5), swish, tanh: hyperbolic,
  };
  /** How many arguments they take, where that is more than they need. */
  const MOST = {elu: 2, leaky_relu: 2, silu: 2, swish: 2, max: Infinity, maximum: Infinity, min: Infinity, minimum: Infinity};
  Object.assign(lab, {FUNCTIONS, MOST, X, number, add, sub, mul, div, power, choice});
});
