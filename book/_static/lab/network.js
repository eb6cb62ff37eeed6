/* Finite width: a circle on its way through one sampled network, and what theory says of it. */
lab.part(lab => {
  "use strict";
  const POINTS = 72, {sqrt, log, cos, sin, PI} = Math;
  const angles = Float64Array.from({length: POINTS}, (_, i) => 2 * PI * i / POINTS);
  let drawn = {};

  /** Standard normal numbers of a seed: sfc32 by Box and Muller; kept, for sigmas only scale them. */
  lab.normals = (seed, count) => {
    if (drawn.seed === seed && drawn.values.length >= count) return drawn.values;
    let [a, b, c, d] = [seed | 0, 0x9e3779b9 | 0, 0x243f6a88, 1];
    const uniform = () => {
      const t = (a + b | 0) + d | 0;
      d = d + 1 | 0;
      a = b ^ b >>> 9;
      b = c + (c << 3) | 0;
      c = (c << 21 | c >>> 11) + t | 0;
      return ((t >>> 0) + 0.5) / 2 ** 32;
    };
    for (let i = 0; i < 15; i++) uniform();
    const values = new Float32Array(count + 1);
    for (let i = 0; i < count; i += 2) {
      const r = sqrt(-2 * log(uniform())), turn = 2 * PI * uniform();
      [values[i], values[i + 1]] = [r * cos(turn), r * sin(turn)];
    }
    drawn = {seed, values};
    return values;
  };

  const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };
  /** A matrix, row after row in one array, times a vector. */
  const product = (rows, x) => {
    const y = new Float64Array(rows.length / x.length);
    for (let i = 0, at = 0; i < y.length; i++) {
      let sum = 0;
      for (let j = 0; j < x.length; j++) sum += rows[at++] * x[j];
      y[i] = sum;
    }
    return y;
  };
  const scaled = (a, by) => a.map(one => one * by);

  /** Coordinates of the points along their three principal components, in units of the root mean
      square length; each found from that of the layer before, so that nothing jumps. */
  function components(h, before) {
    const mean = scaled(h[0], 0), found = [];
    for (const one of h) one.forEach((x, j) => { mean[j] += x / POINTS; });
    const centred = h.map(one => one.map((x, j) => x - mean[j])), total = centred.reduce((s, x) => s + dot(x, x), 0);
    const gram = new Float64Array(POINTS * POINTS);
    centred.forEach((one, i) => { for (let j = 0; j <= i; j++) {
      gram[i * POINTS + j] = gram[j * POINTS + i] = dot(one, centred[j]);
    } });
    for (let k = 0; k < 3; k++) {
      let v = before[k], value = 0;
      for (let turn = 0; turn < 40; turn++) {
        let next = product(gram, v);
        for (const [u] of found) { const by = dot(u, next); next = next.map((x, i) => x - by * u[i]); }
        value = sqrt(dot(next, next));
        if (!(value > 1e-9 * total)) break;
        v = scaled(next, 1 / value);
      }
      found.push([v, value > 1e-9 * total ? sqrt(value) : 0]);
    }
    const size = sqrt(h.reduce((s, x) => s + dot(x, x), 0) / POINTS) || 1;
    return {vectors: found.map(one => one[0]), share: found.reduce((s, one) => s + one[1] ** 2, 0) / total,
            path: found.map(([v, value]) => [...scaled(v, value / size)])};
  }

  /** Layer by layer: the circle's components, length per root of the width, and N kappa^2. */
  lab.network = (phi, w, b, q, width, depth, seed) => {
    const z = lab.normals(seed, 2 * width + (depth - 1) * width * (width + 1)), order = phi.bent ? 1 : 2;
    let [u, v] = [z.subarray(0, width), z.subarray(width, 2 * width)].map(one => Float64Array.from(one));
    u = scaled(u, sqrt(width * q / dot(u, u)));
    v = v.map((x, j) => x - dot(u, v) / dot(u, u) * u[j]);
    v = scaled(v, sqrt(width * q / dot(v, v)));
    let motion = [[cos, sin], [t => -sin(t), cos], [t => -cos(t), t => -sin(t)]].slice(0, order + 1).map(
      ([f, g]) => Array.from(angles, t => u.map((x, j) => f(t) * x + g(t) * v[j])));
    let before = [cos, sin, t => cos(2 * t)].map(f => scaled(angles.map(f), sqrt(2 / POINTS)));
    const layers = [];
    for (let layer = 1, at = 2 * width; layer <= depth; layer++, at += width * (width + 1)) {
      if (!motion[0].every(one => one.every(Number.isFinite))) break;
      const speed = motion[1].map(one => dot(one, one)), found = components(motion[0], before);
      const bend = motion[2] && motion[2].map((a, i) => Math.max(0, dot(a, a) * speed[i]
        - dot(a, motion[1][i]) ** 2) / speed[i] ** 3);
      const mean = values => values.reduce((s, x) => s + x, 0) / POINTS;
      layers.push({path: found.path, share: found.share, length: 2 * PI * mean(speed.map(sqrt)) / sqrt(width),
                   kappa2: bend ? width * mean(bend) : Infinity, q: mean(motion[0].map(h => dot(h, h))) / width});
      before = found.vectors;
      if (layer === depth) break;
      const through = motion[0].map((h, p) => {
        const [y, d, s] = phi.jet.at(h, order), [, dh, d2h] = motion.map(one => one[p]);
        return [y, d.map((x, j) => x * dh[j]), s && s.map((x, j) => x * dh[j] ** 2 + d[j] * d2h[j])];
      });
      const weights = scaled(Float64Array.from(z.subarray(at, at + width * width)), w / sqrt(width));
      const biases = z.subarray(at + width * width, at + width * (width + 1));
      motion = motion.map((_, k) => through.map(one => product(weights, one[k])));
      motion[0].forEach(h => h.forEach((_, i) => { h[i] += b * biases[i]; }));
    }
    return layers;
  };

  /** What theory says of the same circle: its length and N kappa^2, off the shell as well. */
  lab.circle = (phi, w, b, q, depth) => {
    let [metric, kappa2] = [q, 1 / q];
    return Array.from({length: depth}, () => {
      const told = {length: 2 * PI * sqrt(metric), kappa2: phi.bent ? Infinity : kappa2, q};
      const [chi1, chi2] = [1, 2].map(order => w * w * lab.moment(phi, q, order));
      [metric, kappa2, q] = [chi1 * metric, 3 * chi2 / chi1 ** 2 + kappa2 / chi1, lab.lengthMap(phi, w, b, q)];
      return told;
    });
  };

  const range = (n, f) => Array.from({length: n}, (_, i) => f(i));
  const nice = x => [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(one => one * 10 ** Math.floor(Math.log10(x)))
    .find(one => one >= x * (1 - 1e-9));

  /** How far the axes go, so that the edge of chaos is in the middle of them. */
  function axes(phi, w, b) {
    const edge = [0.1, 0.3, 1, 3].map(one => lab.criticalWeight(phi, one)).find(one => one > 0 && one < 1e6);
    const unit = edge || lab.moment(phi, 1, 1) ** -0.5 || 1.2;
    return [Math.max(nice(3.2 * unit), nice(w)), Math.max(nice(1.6 * unit), b && nice(b))];
  }

  const ANSWERS = {
    plane(phi, {w, b, n}) {
      const [high, wide] = axes(phi, w, b);
      return {high, wide, n, ...lab.plane(phi, high, wide, n)};
    },
    point(phi, {w, b, snap, quick}) {
      const edge = lab.criticalWeight(phi, b);
      if (snap && edge > 0) w = edge;
      const found = lab.point(phi, w, b, quick), q = found.q > 0 ? found.q : 1, top = 2 * Math.max(q, 1);
      const steps = (n, x, f) => range(n, () => { const at = x; x = f(x); return [at, x]; });
      const walk = c => lab.correlationMap(phi, w, q, Math.min(Math.max(c, 0), 1), true), alive = found.q > 1e-16;
      return {...found, w, b, edge, top, lengths: range(49, i => [top * i / 48, lab.lengthMap(phi, w, b, top * i / 48)]),
              lengthSteps: steps(8, top / 2 === q ? q / 4 : 1, x => lab.lengthMap(phi, w, b, x)),
              pairs: alive ? range(25, i => [i / 24, walk(i / 24)]) : [], pairSteps: alive ? steps(8, 0.5, walk) : []};
    },
    network(phi, {w, b, q, width, depth, seed}) {
      return {layers: lab.network(phi, w, b, q, width, depth, seed), told: lab.circle(phi, w, b, q, depth)};
    },
  };

  /** What the page asks of the worker. */
  lab.answer = asked => {
    try {
      return {asked, found: ANSWERS[asked.what](lab.activation(asked.phi), asked)};
    } catch (problem) {
      return {asked, error: problem.message};
    }
  };
});
