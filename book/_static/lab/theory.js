/* Infinite width: Gaussian averages, fixed points, the edge of chaos. The methods are those of
   lib/theory: double-exponential rules split at the kinks, each checked by its coarser halves. */
lab.part(lab => {
  "use strict";
  const {exp, sqrt, abs, log, sin, cos, PI} = Math;
  const REACH = 13, LEVELS = [97, 193, 385, 769, 1537, 3073], EPS = 2 ** -52, MARGIN = 1e-9;
  const COARSE = [49, 65], GRIDS = [[65, 97], [97, 193], [193, 385]];  // angles a sector, radii a panel
  const kept = make => { const held = new Map(); return key => {
    if (!held.has(key)) held.set(key, make(key));
    return held.get(key);
  }; };
  const evenly = (low, high, n) => Float64Array.from({length: n}, (_, i) => low + (high - low) * i / (n - 1));

  const halfLine = kept(nodes => {
    const t = evenly(-3.7, 2.64, nodes), z = t.map(t => exp(t - exp(-t)));
    return [z, t.map((t, i) => 6.34 / (nodes - 1) * z[i] * (1 + exp(-t)))];
  });
  const unitInterval = kept(nodes => {
    const t = evenly(-3.1, 3.1, nodes), turn = t.map(t => 0.5 * PI * Math.sinh(t));
    return [turn.map(s => 1 / (1 + exp(-2 * s))),
            t.map((t, i) => 6.2 / (nodes - 1) * 0.25 * PI * Math.cosh(t) / Math.cosh(turn[i]) ** 2)];
  });

  /** Calls `use(z, weight, place in its panel)` for the nodes on [0, inf), split at the edges. */
  function split(edges, nodes, use) {
    let start = 0;
    for (const edge of edges.filter(edge => edge > 0 && edge < REACH).sort((a, b) => a - b)) {
      if (edge === start) continue;
      const [share, weight] = unitInterval(nodes);
      for (let i = 0; i < nodes; i++) use(start + (edge - start) * share[i], (edge - start) * weight[i], i);
      start = edge;
    }
    const [z, w] = halfLine(nodes);
    for (let i = 0; i < nodes; i++) use(start + z[i], w[i], i);
  }

  /** E f(u) for u normal of variance q, NaN where it is not known to 1e-12 of E |f|. */
  function average(f, q, {kinks, parity}) {
    if (q === 0) return f(Float64Array.of(1e-300, -1e-300)).reduce((a, b) => a + b) / 2;
    for (const nodes of LEVELS) {
      let total = 0, error = 0, scale = 0;
      for (const sign of parity ? [1] : [1, -1]) {
        const u = [], density = [], place = [];
        split(kinks.map(kink => sign * kink / sqrt(q)), nodes, (z, w, i) => {
          u.push(sign * sqrt(q) * z);
          density.push(w * exp(-0.5 * z * z) * (parity ? 2 : 1) / sqrt(2 * PI));
          place.push(i);
        });
        const values = f(Float64Array.from(u)), sums = [0, 0, 0];
        let size = 0, term = 0;
        for (let i = 0; i < u.length; i++) {
          term = values[i] * density[i];
          size += abs(term);
          sums[0] += term;
          if (place[i] % 2 === 0) sums[1] += 2 * term;
          if (place[i] % 4 === 0) sums[2] += 4 * term;
        }
        if (!Number.isFinite(size) || abs(term) > 1e-15 * size + 1e-300) return NaN;
        const small = abs(sums[0] - sums[1]), large = abs(sums[1] - sums[2]);
        [total, scale] = [total + sums[0], scale + size];
        error += small * Math.min(1, small / Math.max(large, 1e-300));
      }
      if (error <= 1e-12 * (scale + 1e-300)) return total;
    }
    return NaN;
  }

  /** E phi^2, E phi'^2 or E phi''^2 (order 0, 1, 2) at variance q; infinite where a kink makes it so. */
  lab.moment = (phi, q, order = 0) => order === 2 && phi.bent ? Infinity
    : average(u => phi.jet.at(u, order)[order].map(y => y * y), q, phi);

  /** d/dq E phi^2. */
  function momentSlope(phi, q) {
    if (q < 1e-4 && !phi.bent) {
      return average(u => (([y, d, s]) => y.map((y, i) => d[i] * d[i] + y * s[i]))(phi.jet.at(u, 2)), q, phi);
    }
    q = Math.max(q, 1e-30);
    return average(u => (([y, d]) => y.map((y, i) => y * d[i] * u[i]))(phi.jet.at(u, 1)), q, phi) / q;
  }

  /** By regula falsi (Illinois); f has different signs at both ends. */
  function root(f, low, high) {
    let [a, b] = [f(low), f(high)], side = 0;
    for (let k = 0; k < 100 && a * b < 0; k++) {
      let x = (low * b - high * a) / (b - a);
      if (!(x > Math.min(low, high) && x < Math.max(low, high))) x = 0.5 * (low + high);
      const y = f(x), moved = abs(x - (side < 0 ? low : high));
      if (y * b > 0) { [high, b] = [x, y]; if (side === 1) a /= 2; side = 1;
      } else { [low, a] = [x, y]; if (side === -1) b /= 2; side = -1; }
      if (y === 0 || moved <= 2 * EPS * abs(x) || abs(high - low) <= 4 * EPS * abs(x)) return x;
    }
    return abs(a) < abs(b) ? low : high;
  }

  const table = kept(phi => {
    const all = Float64Array.from({length: 261}, (_, i) => 10 ** (-16 + i / 10)), rows = new Map();
    for (const [from, step] of [[160, 1], [159, -1]]) {
      for (let i = from; i >= 0 && i <= 260; i += step) {
        const row = [lab.moment(phi, all[i]), momentSlope(phi, all[i]), lab.moment(phi, all[i], 1)];
        if (Number.isNaN(row[0])) break;
        rows.set(i, row);
      }
    }
    if (!rows.has(160)) throw new lab.FormulaError(`${phi.name}: its Gaussian average does not converge`);
    const picked = [...rows.keys()].sort((a, b) => a - b), column = k => picked.map(i => rows.get(i)[k]);
    return {q: picked.map(i => all[i]), power: column(0), slope: column(1), stretch: column(2),
            start: picked.indexOf(160), beyond: picked.at(-1) < 260, rest: lab.moment(phi, 0)};
  });

  /** E phi^2 inside a cell of the table, by Hermite's cubic. */
  function cubic(t, cell, q) {
    const wide = t.q[cell + 1] - t.q[cell], s = (q - t.q[cell]) / wide, rise = t.power[cell + 1] - t.power[cell];
    const [m0, m1] = [t.slope[cell] * wide, t.slope[cell + 1] * wide];
    return t.power[cell] + s * (m0 + s * (3 * rise - 2 * m0 - m1 + s * (m0 + m1 - 2 * rise)));
  }

  /** Where the length map sends unit length: q* with its kind, and the repeller above it; `quick` by
      the table alone. */
  function fixedPoint(phi, w, b, quick) {
    const [w2, b2] = [w * w, b * b];
    if (phi.homogeneous) {
      const slope = w2 * lab.moment(phi, 1), neutral = abs(slope - 1) <= 4e-15, stays = neutral && b2 === 0;
      return {q: stays ? 1 : !neutral && slope < 1 ? b2 / (1 - slope) : NaN, repeller: Infinity,
              kind: stays ? "neutral" : neutral || slope > 1 ? "diverges" : "stable"};
    }
    const t = table(phi), last = t.q.length - 1;
    const longer = i => w2 * t.power[i] + b2 - t.q[i] > 16 * EPS * t.q[i];
    const gap = cell => q => w2 * (quick ? cubic(t, cell, q) : lab.moment(phi, q)) + b2 - q;
    /** Between two fixed points that hide in a cell, where V(q) - q is of one sign at both nodes. */
    const turn = (cell, sign) => {
      if (!(sign * (w2 * t.slope[cell] - 1) < 0 && sign * (w2 * t.slope[cell + 1] - 1) > 0)) return 0;
      const q = root(q => w2 * momentSlope(phi, q) - 1, t.q[cell], t.q[cell + 1]);
      return sign * gap(cell)(q) < 0 ? q : 0;
    };
    let cell = -1, low, high;
    if (longer(t.start)) {
      for (let i = t.start; i < last && cell < 0; i++) {
        const dip = longer(i + 1) ? quick ? 0 : turn(i, 1) : t.q[i + 1];
        if (dip) [cell, low, high] = [i, t.q[i], dip];
      }
      if (cell < 0) return {q: NaN, kind: t.beyond ? "out of reach" : "diverges", repeller: Infinity};
    } else {
      for (let i = t.start - 1; i >= 0 && cell < 0; i--) {
        const bump = longer(i) ? t.q[i] : quick ? 0 : turn(i, -1);
        if (bump) [cell, low, high] = [i, bump, t.q[i + 1]];
      }
    }
    const q = cell >= 0 ? root(gap(cell), low, high)
      : (b2 + w2 * t.rest) / (1 - w2 * (t.power[0] - t.rest) / t.q[0]);
    let repeller = Infinity;
    for (let i = cell + 1; i <= last && repeller === Infinity && !quick; i++) {
      const from = longer(cell + 1) ? high : t.q[i - 1];
      if (longer(i)) repeller = root(gap(i - 1), from, t.q[i]);
    }
    return {q, kind: "stable", repeller};
  }

  /** The same for phi that is straight between its kinks, by Price's theorem. */
  function price(phi, q, d, order) {
    const theta = 2 * Math.asin(sqrt(Math.min(d / 2, 1))), [share, weight] = unitInterval(385);
    let bent = 0;
    for (const [k, jump] of phi.jumps) for (const [l, other] of phi.jumps) {
      for (let i = 0; i < share.length; i++) {
        const s = sin(0.5 * theta * share[i]) ** 2, near = (k - l) ** 2 / q, far = (k + l) ** 2 / q;
        bent += jump * other * theta * weight[i] * (order ? 1 : d - 2 * s)
          * exp(-near / (8 * Math.max(s, 1e-300)) - far / (8 * Math.max(1 - s, 1e-300)));
      }
    }
    return q * (lab.moment(phi, q, 1) * (order ? 1 : d) - bent / (2 * PI));
  }

  /** Two normals of variance q and correlation 1 - d on one polar grid: half the mean square of
      phi(u1) - phi(u2), or q E phi'(u1) phi'(u2). */
  function polar(phi, q, d, order, [angles, radii]) {
    if (phi.jumps) return price(phi, q, d, order);
    const theta = 2 * Math.asin(sqrt(Math.min(d / 2, 1))), fold = phi.parity ? 4 : 2, right = PI / 2;
    const at = phi.kinks.filter(kink => kink !== 0), edges = [0, right - theta / 2];
    edges.push(...fold === 4 ? [right] : [right + theta / 2, PI]);
    for (const a of at) for (const b of at) {
      const meet = Math.atan2(b - a * cos(theta), a * sin(theta)) - theta / 2, angle = (meet % PI + PI) % PI;
      edges.push(fold === 4 ? Math.min(angle, PI - angle) : angle);
    }
    edges.sort((a, b) => a - b);
    const room = (edges.length - 1) * angles * (2 * at.length + 1) * radii;
    const [share, weight] = unitInterval(angles), [u1, u2, mass] = [0, 0, 0].map(() => new Float64Array(room));
    let n = 0;
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
    let sum = 0;
    for (let i = 0; i < n; i++) sum += mass[i] * (order ? q * f[i] * g[i] : 0.5 * (f[i] - g[i]) ** 2);
    return sum;
  }

  /** On finer grids until two of them agree, else NaN. */
  function settled(...given) {
    let before = polar(...given, COARSE);
    for (const grid of GRIDS) {
      const value = polar(...given, grid);
      if (abs(value - before) <= 1e-10 * abs(value) + 1e-300) return value;
      before = value;
    }
    return NaN;
  }

  const scale = slope => slope >= 1 - 4e-16 ? Infinity : slope > 0 ? -1 / log(slope) : slope <= 0 ? 0 : NaN;

  /** 1 - c* by Newton's method on D(d) = d, on finer and finer grids until it does not move. */
  function deficitStar(phi, ratio, q, quick) {
    const gap = (d, grid) => ratio * polar(phi, q, d, 0, grid) - d;
    let d = exp(root(t => gap(exp(t), COARSE) / exp(t), log(1e-11), 0));
    if (quick) return d;
    const slope = ratio * polar(phi, q, d, 1, COARSE);
    for (const grid of GRIDS) {
      const step = gap(d, grid) / (1 - slope);
      d = Math.min(d + step, 1);
      if (abs(step) <= 1e-10 * d) return d;
    }
    return NaN;
  }

  /** Everything about one network: what does not exist is NaN. */
  lab.point = (phi, w, b, quick) => {
    const {q, kind, repeller} = fixedPoint(phi, w, b), at = phi.homogeneous ? 1 : q, told = [];
    const gain = order => Number.isNaN(at) ? NaN : w * w * lab.moment(phi, at, order);
    const [chi1, chi2] = [gain(1), gain(2)], alive = q > 1e-16, ratio = w * w / q;
    const lost = Number.isNaN(q) || Number.isNaN(chi1);
    const deficit = lost ? NaN : chi1 > 1 + 1e-12 && alive ? deficitStar(phi, ratio, q, quick) : 0;
    const slope = deficit ? ratio * (quick ? polar : settled)(phi, q, deficit, 1, COARSE) : lost ? NaN : chi1;
    const phase = Number.isNaN(q) ? "none" : Number.isNaN(chi1) ? "not known"
      : abs(chi1 - 1) < MARGIN ? "critical" : chi1 > 1 ? "chaotic" : "ordered";
    if (kind === "neutral") told.push("every length is a fixed point; q* = 1 is the start");
    if (kind === "diverges") told.push("from unit length on, lengths grow without bound");
    if (kind === "out of reach") told.push("q* is infinite or too large to average phi there");
    if (repeller < Infinity) told.push("two fixed points: lengths above q = "
      + `${lab.general(repeller, 4)} diverge, lengths below approach q*`);
    if (q === 0) told.push("activity dies out: q* = 0, and c* is the limit sigma_b -> 0");
    if (phi.bent) told.push("phi has a kink: chi2 and with it all curvature is infinite");
    return {q, chi1, chi2, deficit, slope, phase, warnings: told, repeller, c: 1 - deficit,
            xi_q: Number.isNaN(q) ? NaN : scale(w * w * momentSlope(phi, q)), xi_c: scale(slope)};
  };

  lab.lengthMap = (phi, w, b, q) => w * w * lab.moment(phi, q) + b * b;

  /** C(c) on the shell q = q*; `quick` on the coarse grid, good to draw. */
  lab.correlationMap = (phi, w, q, c, quick) => c === 1 ? 1
    : 1 - w * w / q * (quick ? polar(phi, q, 1 - c, 0, COARSE) : settled(phi, q, 1 - c, 0));

  /** sigma_w on the edge of chaos at one sigma_b, NaN if there is none. */
  lab.criticalWeight = (phi, b) => {
    if (phi.homogeneous) return lab.moment(phi, 1, 1) ** -0.5;
    const t = table(phi), settles = i => t.slope[i] <= t.stretch[i] * (1 + 1e-9);
    const above = i => t.q[i] - t.power[i] / t.stretch[i] >= b * b;
    const small = t.q.findIndex(q => q >= 1e-6);
    if (b === 0 && t.rest === 0 && settles(small) && t.stretch[0] > 0) return lab.moment(phi, 0, 1) ** -0.5;
    for (let i = 0; i + 1 < t.q.length; i++) {
      if (above(i) === above(i + 1) || !(settles(i) || settles(i + 1))) continue;
      const gap = s => exp(s) - lab.moment(phi, exp(s)) / lab.moment(phi, exp(s), 1) - b * b;
      return lab.moment(phi, exp(root(gap, log(t.q[i]), log(t.q[i + 1]))), 1) ** -0.5;
    }
    return NaN;
  };

  /** chi1 by the table over a plane, row by row from sigma_w = high down; NaN: no length settles. */
  lab.plane = (phi, high, wide, n) => {
    const chi1 = [], edge = [], line = evenly(0, wide, n);
    for (let i = 0; i < n * n; i++) {
      const w = high * (1 - (Math.floor(i / n) + 0.5) / n), {q} = fixedPoint(phi, w, wide * (i % n + 0.5) / n, true);
      if (phi.homogeneous) { chi1.push(Number.isNaN(q) ? NaN : w * w * lab.moment(phi, 1, 1)); continue; }
      const t = table(phi), x = 10 * Math.log10(Math.max(q, 1e-300) / t.q[0]);
      const k = Math.min(Math.max(Math.floor(x), 0), t.q.length - 2), s = Math.min(Math.max(x - k, 0), 1);
      chi1.push(Number.isNaN(q) ? NaN : w * w * ((1 - s) * t.stretch[k] + s * t.stretch[k + 1]));
    }
    for (const b of line) edge.push(lab.criticalWeight(phi, b));
    return {chi1, edge, line};
  };
});
