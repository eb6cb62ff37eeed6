/* Infinite width: Gaussian averages, fixed points, the edge of chaos. The methods are those of lib/theory:
   double-exponential rules split at the kinks, each checked by its coarser halves. */
lab.part(lab => {
  "use strict";
  const {exp, sqrt, abs, log, sin, cos, max, min, PI} = Math, {isNaN} = Number;
  const REACH = 13, LEVELS = [97, 193, 385, 769, 1537, 3073], EPS = 2 ** -52, MARGIN = 1e-9;
  const COARSE = [49, 65], GRIDS = [[65, 97], [97, 193], [193, 385]];  // of the polar rule: angles a sector, radii a panel
  const evenly = (low, high, n) => Float64Array.from({length: n}, (_, i) => low + (high - low) * i / (n - 1));

  const halfLine = lab.kept(nodes => {
    const t = evenly(-3.7, 2.64, nodes), z = t.map(t => exp(t - exp(-t)));
    return [z, t.map((t, i) => 6.34 / (nodes - 1) * z[i] * (1 + exp(-t)))];
  });
  const unitInterval = lab.kept(nodes => {
    const t = evenly(-3.1, 3.1, nodes), turn = t.map(t => 0.5 * PI * Math.sinh(t)), step = 6.2 / (nodes - 1);
    return [turn.map(s => 1 / (1 + exp(-2 * s))), t.map((t, i) => step * PI / 4 * Math.cosh(t) / Math.cosh(turn[i]) ** 2)];
  });

  /** Calls `use(z, weight)` for the nodes on [0, inf), split at the edges. */
  function split(edges, nodes, use) {
    let [share, weight] = unitInterval(nodes), [z, w] = halfLine(nodes), start = 0;
    for (const edge of edges.filter(edge => edge > 0 && edge < REACH).sort((a, b) => a - b)) {
      const wide = edge - start;
      for (let i = 0; i < nodes && wide; i++) use(start + wide * share[i], wide * weight[i]);
      start = edge;
    }
    for (let i = 0; i < nodes; i++) use(start + z[i], w[i]);
  }

  /** E f(u) for u normal of variance q, NaN where it is not known to 1e-12 of E |f|. */
  function average(f, q, {kinks, parity}) {
    if (q === 0) return f([1e-300, -1e-300]).reduce((a, b) => a + b) / 2;
    for (const nodes of LEVELS) {
      let total = 0, error = 0, scale = 0;
      for (const sign of parity ? [1] : [1, -1]) {
        const u = [], density = [], sums = [0, 0, 0];
        split(kinks.map(kink => sign * kink / sqrt(q)), nodes, (z, w) => {
          u.push(sign * sqrt(q) * z);
          density.push(w * exp(-0.5 * z * z) * (parity ? 2 : 1) / sqrt(2 * PI));
        });
        const terms = f(u).map((y, i) => y * density[i]), size = terms.reduce((sum, one) => sum + abs(one), 0);
        if (!Number.isFinite(size) || abs(terms.at(-1)) > 1e-15 * size + 1e-300) return NaN;
        terms.forEach((one, i) => [1, 2, 4].forEach((step, k) => { if (i % nodes % step === 0) sums[k] += step * one; }));
        const small = abs(sums[0] - sums[1]), large = abs(sums[1] - sums[2]);
        [total, scale] = [total + sums[0], scale + size];
        error += max(small * min(1, small / max(large, 1e-300)), 1e-6 * small);
      }
      if (error <= 1e-12 * (scale + 1e-300)) return total;
    }
    return NaN;
  }

  /** E phi^2, E phi'^2 or E phi''^2 (order 0, 1, 2) at variance q; infinite where a kink makes it so. */
  lab.moment = (phi, q, order = 0) => order === 2 && phi.bent ? Infinity : average(u => phi.jet.at(u, order)[order].map(y => y * y), q, phi);

  /** d/dq E phi^2. */
  function momentSlope(phi, q) {
    const smooth = q < 1e-4 && !phi.bent, safe = smooth ? q : max(q, 1e-30);
    return average(u => {
      const [y, d, s] = phi.jet.at(u, 2);
      return y.map(smooth ? (y, i) => d[i] * d[i] + y * s[i] : (y, i) => y * d[i] * u[i] / safe);
    }, safe, phi);
  }

  /** By regula falsi (Illinois); f has different signs at both ends. */
  function root(f, low, high) {
    let [a, b] = [f(low), f(high)], side = 0, x = abs(a) < abs(b) ? low : high;
    for (let k = 0; k < 100 && a * b < 0 && abs(high - low) > 4 * EPS * abs(x); k++) {
      const before = x, inside = (low * b - high * a) / (b - a);
      x = inside > low && inside < high ? inside : 0.5 * (low + high);
      const y = f(x), right = y * b > 0;
      if (y === 0 || abs(x - before) <= 2 * EPS * abs(x)) return x;
      [low, a, high, b] = right ? [low, side > 0 ? a / 2 : a, x, y] : [x, y, high, side < 0 ? b / 2 : b];
      side = right ? 1 : -1;
    }
    return x;
  }

  /** E phi^2, its slope and E phi'^2 on a logarithmic grid, from unit length as far as they can be trusted. */
  const table = lab.kept(phi => {
    const q = Array.from({length: 261}, (_, i) => 10 ** (-16 + i / 10)), power = q.map(() => NaN);
    const known = i => !isNaN(power[i] = lab.moment(phi, q[i]));
    let low = 160, high = 160;
    if (!known(160)) throw new lab.FormulaError(`${phi.name}: its Gaussian average does not converge at q = 1`);
    while (low > 0 && known(low - 1)) low--;
    while (high < 260 && known(high + 1)) high++;
    const part = q.slice(low, high + 1);
    return {q: part, power: power.slice(low, high + 1), slope: part.map(q => momentSlope(phi, q)), start: 160 - low,
            stretch: part.map(q => lab.moment(phi, q, 1)), beyond: high < 260, rest: lab.moment(phi, 0),
            straight: low === 0 || part[0] < 1e-12};
  });

  /** Where the length map sends unit length: q* with its kind, and the repeller above it; `quick` by the table alone. */
  function fixedPoint(phi, w, b, quick) {
    const [w2, b2] = [w * w, b * b], straight = phi.homogeneous && w2 * lab.moment(phi, 1);
    if (phi.homogeneous) {
      const neutral = abs(straight - 1) <= 4e-15, stays = neutral && b2 === 0, settles = !neutral && straight < 1;
      return {q: stays ? 1 : settles ? b2 / (1 - straight) : NaN, repeller: Infinity,
              kind: stays ? "neutral" : settles ? "stable" : "diverges"};
    }
    const t = table(phi), last = t.q.length - 1, longer = i => w2 * t.power[i] + b2 - t.q[i] > 16 * EPS * t.q[i];
    const between = (i, q) => t.power[i] + (q - t.q[i]) / (t.q[i + 1] - t.q[i]) * (t.power[i + 1] - t.power[i]);
    const gap = cell => q => w2 * (quick ? between(cell, q) : lab.moment(phi, q)) + b2 - q;
    /** Between two fixed points that hide in a cell, where V(q) - q is of one sign at both nodes. */
    const turn = (cell, sign) => {
      const steep = i => sign * (w2 * t.slope[i] - 1);
      if (quick || steep(cell) >= 0 || steep(cell + 1) <= 0) return 0;
      const q = root(q => w2 * momentSlope(phi, q) - 1, t.q[cell], t.q[cell + 1]);
      return sign * gap(cell)(q) < 0 ? q : 0;
    };
    let cell = -1, low, high, repeller = Infinity, grows = longer(t.start);
    for (let i = grows ? t.start : t.start - 1; i >= 0 && i < last && cell < 0; i += grows ? 1 : -1) {
      const end = grows ? longer(i + 1) ? turn(i, 1) : t.q[i + 1] : longer(i) ? t.q[i] : turn(i, -1);
      if (end) [cell, low, high] = grows ? [i, t.q[i], end] : [i, end, t.q[i + 1]];
    }
    if (cell < 0 && (grows || !t.straight)) return {q: NaN, kind: grows && !t.beyond ? "diverges" : "out of reach", repeller};
    const q = cell >= 0 ? root(gap(cell), low, high) : (b2 + w2 * t.rest) / (1 - w2 * (t.power[0] - t.rest) / t.q[0]);
    for (let i = cell + 1; i <= last && repeller === Infinity && !quick; i++) {
      if (longer(i)) repeller = root(gap(i - 1), longer(cell + 1) ? high : t.q[i - 1], t.q[i]);
    }
    return {q, kind: "stable", repeller};
  }

  const angle = d => 2 * Math.asin(sqrt(min(d / 2, 1)));

  /** As `polar`, for phi that is straight between its kinks, by Price's theorem. */
  function price(phi, q, d, order) {
    let theta = angle(d), [share, weight] = unitInterval(385), bent = 0;
    for (const [k, jump] of phi.jumps) for (const [l, other] of phi.jumps) share.forEach((part, i) => {
      const s = max(sin(0.5 * theta * part) ** 2, 1e-300), density = exp(-((k - l) ** 2 / s + (k + l) ** 2 / (1 - s)) / (8 * q));
      bent += jump * other * theta * weight[i] * (order ? 1 : d - 2 * s) * density;
    });
    return q * (lab.moment(phi, q, 1) * (order ? 1 : d) - bent / (2 * PI));
  }

  /** Two normals of variance q and correlation 1 - d on one polar grid: half the mean square of phi(u1) - phi(u2), or
      for order 1 q E phi'(u1) phi'(u2). */
  function polar(phi, q, d, order, [angles, radii]) {
    if (phi.jumps) return price(phi, q, d, order);
    const theta = angle(d), fold = phi.parity ? 4 : 2, right = PI / 2, at = phi.kinks.filter(kink => kink !== 0);
    const edges = [0, right - theta / 2, ...fold === 4 ? [right] : [right + theta / 2, PI]];
    for (const a of at) for (const b of at) {
      const meet = (Math.atan2(b - a * cos(theta), a * sin(theta)) - theta / 2 + PI) % PI;
      edges.push(fold === 4 ? min(meet, PI - meet) : meet);
    }
    edges.sort((a, b) => a - b);
    const room = (edges.length - 1) * angles * (2 * at.length + 1) * radii, [share, weight] = unitInterval(angles);
    const [u1, u2, mass] = [0, 0, 0].map(() => new Float64Array(room));
    let n = 0, sum = 0;
    for (let k = 0; k + 1 < edges.length; k++) {
      const wide = edges[k + 1] - edges[k];
      for (let i = 0; i < angles && wide > 1e-13; i++) {
        const psi = theta / 2 + edges[k] + wide * share[i], turn = wide * weight[i] * fold / (2 * PI);
        const [one, two] = [sqrt(q) * cos(psi), sqrt(q) * cos(psi - theta)];
        split(at.flatMap(kink => [kink / one, kink / two]), radii, (r, w) => {
          [u1[n], u2[n], mass[n]] = [one * r, two * r, turn * w * r * exp(-0.5 * r * r)];
          n++;
        });
      }
    }
    const [f, g] = [u1, u2].map(u => phi.jet.at(u.subarray(0, n), order)[order]);
    for (let i = 0; i < n; i++) sum += mass[i] * (order ? q * f[i] * g[i] : 0.5 * (f[i] - g[i]) ** 2);
    return sum;
  }

  /** On finer grids until two of them agree, else NaN. */
  function settled(...given) {
    let value = polar(...given, COARSE);
    for (const grid of GRIDS) {
      const before = value;
      if (abs((value = polar(...given, grid)) - before) <= 1e-9 * abs(value) + 1e-300) return value;
    }
    return NaN;
  }

  /** 1 - c* by Newton's method on D(d) = d, on finer and finer grids until it does not move; `quick` on the coarsest. */
  function deficitStar(phi, ratio, q, quick) {
    const gap = (d, grid) => ratio * polar(phi, q, d, 0, grid) - d;
    let d = exp(root(t => gap(exp(t), COARSE) / exp(t), log(1e-11), 0));
    if (quick) return d;
    const slope = ratio * polar(phi, q, d, 1, COARSE);
    for (const grid of GRIDS) {
      const step = gap(d, grid) / (1 - slope);
      d = min(d + step, 1);
      if (abs(step) <= 1e-9 * d) return d;
    }
    return NaN;
  }

  /** Everything about one network: what does not exist is NaN. */
  lab.point = (phi, w, b, quick) => {
    const {q, kind, repeller} = fixedPoint(phi, w, b), at = phi.homogeneous ? 1 : q, lost = isNaN(q), ratio = w * w / q;
    const chi1 = isNaN(at) ? NaN : w * w * lab.moment(phi, at, 1), chaos = chi1 > 1 + 1e-12 && q > 1e-16;
    const deficit = lost || isNaN(chi1) ? NaN : chaos ? deficitStar(phi, ratio, q, quick) : 0;
    const slope = deficit === 0 ? chi1 : isNaN(deficit) ? NaN : ratio * (quick ? polar : settled)(phi, q, deficit, 1, COARSE);
    const scale = slope => abs(slope) >= 1 - 4e-16 ? Infinity : abs(slope) <= 1e-12 ? 0 : -1 / log(abs(slope));
    const phase = lost ? "none" : isNaN(chi1) ? "not known" : abs(chi1 - 1) < MARGIN ? "critical" : chi1 > 1 ? "chaotic" : "ordered";
    const warnings = [[kind === "neutral", "every length is a fixed point; q* = 1 is the start"],
      [kind === "diverges", "from unit length on, lengths grow without bound, or beyond 1e10"],
      [kind === "out of reach", "q* is infinite or too large to average phi there"],
      [repeller < Infinity, `two fixed points: lengths above q = ${lab.general(repeller, 4)} diverge, lengths below approach q*`],
      [q === 0, "activity dies out: q* = 0, and c* is the limit sigma_b -> 0"],
      [phi.bent, "phi has a kink: chi2 and with it all curvature is infinite"]].filter(one => one[0]).map(one => one[1]);
    return {q, chi1, deficit, c: 1 - deficit, slope, phase, warnings, repeller,
            xi_q: lost ? NaN : scale(w * w * momentSlope(phi, q)), xi_c: scale(slope)};
  };

  lab.lengthMap = (phi, w, b, q) => w * w * lab.moment(phi, q) + b * b;

  /** C(c) on the shell q = q*; `quick` on the coarse grid, good to draw. */
  lab.correlationMap = (phi, w, q, c, quick) => c === 1 ? 1 : 1 - w * w / q * (quick ? polar : settled)(phi, q, 1 - c, 0, COARSE);

  /** sigma_w on the edge of chaos at one sigma_b, NaN if there is none. */
  lab.criticalWeight = (phi, b) => {
    if (phi.homogeneous) return lab.moment(phi, 1, 1) ** -0.5;
    const t = table(phi), settles = i => t.slope[i] <= t.stretch[i] * (1 + 1e-9), small = t.q.findIndex(q => q >= 1e-6);
    const above = i => t.q[i] - t.power[i] / t.stretch[i] >= b * b;
    if (b === 0 && t.rest === 0 && settles(small) && t.stretch[0] > 0) return lab.moment(phi, 0, 1) ** -0.5;
    for (let i = b ? 0 : small; i + 1 < t.q.length; i++) {
      if (above(i) === above(i + 1) || !(settles(i) || settles(i + 1))) continue;
      const gap = s => exp(s) - lab.moment(phi, exp(s)) / lab.moment(phi, exp(s), 1) - b * b;
      const q = exp(root(gap, log(t.q[i]), log(t.q[i + 1]))), w = lab.moment(phi, q, 1) ** -0.5;
      if (abs(fixedPoint(phi, w, b).q / q - 1) <= 1e-6) return w;
    }
    return NaN;
  };

  /** chi1 at n x n points of a plane, from sigma_w = high down, NaN where no length settles; and the edge of chaos. */
  lab.plane = (phi, high, wide, n) => {
    const bias = evenly(0, wide, n), chi1 = Array.from({length: n * n}, (_, i) => {
      const w = high * (1 - (Math.floor(i / n) + 0.5) / n), {q} = fixedPoint(phi, w, wide * (i % n + 0.5) / n, true);
      return isNaN(q) ? NaN : w * w * lab.moment(phi, phi.homogeneous ? 1 : q, 1);
    });
    return {chi1, bias, edge: Array.from(bias, b => lab.criticalWeight(phi, b))};
  };
});
