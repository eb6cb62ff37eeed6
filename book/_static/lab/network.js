/* Finite width: a circle on its way through one sampled network, and what theory says of it. */
lab.part(lab => {
  "use strict";
  const {sqrt, log, cos, sin, PI, imul, max, min} = Math, range = (n, f) => Array.from({length: n}, (_, i) => f(i));
  const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };
  const scaled = (a, by) => a.map(one => one * by), mean = values => values.reduce((s, x) => s + x, 0) / values.length;
  /** A matrix, row after row in one array, times a vector. */
  const product = (rows, x) => {
    const y = new Float64Array(rows.length / x.length);
    for (let i = 0; i < y.length; i++) y[i] = dot(x, rows.subarray(i * x.length, (i + 1) * x.length));
    return y;
  };

  let drawn = {};
  /** Standard normal numbers by Box and Muller, of a counter that is hashed (the end of MurmurHash3); kept, for sigmas
      only scale them. */
  lab.normals = (seed, count) => {
    const stir = (x, by) => imul(x ^ x >>> by, by === 16 ? 0x85ebca6b : 0xc2b2ae35), hash = x => stir(stir(x, 16), 13);
    let at = hash(seed + 1);
    const uniform = () => { const x = hash(at++ | 0); return ((x ^ x >>> 16) >>> 0) / 2 ** 32 + 2 ** -33; };
    if (drawn.seed === seed && drawn.values.length >= count) return drawn.values;
    const values = new Float32Array(count + 1);
    for (let i = 0; i < count; i += 2) {
      const r = sqrt(-2 * log(uniform())), turn = 2 * PI * uniform();
      [values[i], values[i + 1]] = [r * cos(turn), r * sin(turn)];
    }
    return (drawn = {seed, values}).values;
  };

  /** Coordinates of the points along their three principal components, in units of the root mean square length; each
      found from that of the layer before, so that nothing jumps. */
  function components(h, before) {
    const middle = h[0].map((_, j) => mean(h.map(one => one[j]))), found = [];
    const centred = h.map(one => one.map((x, j) => x - middle[j])), total = h.length * mean(centred.map(x => dot(x, x)));
    const gram = Float64Array.from(centred.flatMap(one => centred.map(other => dot(one, other))));
    for (let v of before) {
      let value = 0;
      for (let turn = 0; turn < 40; turn++) {
        let next = product(gram, v);
        for (const [u] of found) { const by = dot(u, next); next = next.map((x, i) => x - by * u[i]); }
        value = sqrt(dot(next, next));
        if (!(value > 1e-9 * total)) break;
        v = scaled(next, 1 / value);
      }
      found.push([v, value > 1e-9 * total ? sqrt(value) : 0]);
    }
    const size = sqrt(mean(h.map(x => dot(x, x)))) || 1;
    return {vectors: found.map(one => one[0]), share: found.reduce((s, one) => s + one[1] ** 2, 0) / total,
            path: found.map(([v, value]) => [...scaled(v, value / size)])};
  }

  /** Layer by layer: the circle's components, length per root of the width, and N kappa^2. */
  lab.network = (phi, w, b, q, width, depth, seed, points = 72) => {
    const order = phi.bent ? 1 : 2, size = width * (width + 1), z = lab.normals(seed, 2 * width + (depth - 1) * size);
    let [u, v] = [0, width].map(from => Float64Array.from(z.subarray(from, from + width))), layers = [];
    v = v.map((x, j) => x - dot(u, v) / dot(u, u) * u[j]);
    [u, v] = [u, v].map(one => scaled(one, sqrt(width * q / dot(one, one))));
    let motion = [[cos, sin], [t => -sin(t), cos], [t => -cos(t), t => -sin(t)]].slice(0, order + 1).map(([f, g]) =>
      range(points, i => u.map((x, j) => f(2 * PI * i / points) * x + g(2 * PI * i / points) * v[j])));
    let before = [cos, sin, t => cos(2 * t)].map(f => range(points, i => f(2 * PI * i / points) * sqrt(2 / points)));
    for (let at = 2 * width; layers.length < depth && motion[0].every(one => one.every(Number.isFinite)); at += size) {
      const [h, dh, d2h] = motion, speed = dh.map(one => dot(one, one)), {vectors, share, path} = components(h, before);
      const bend = d2h && d2h.map((a, i) => max(0, dot(a, a) * speed[i] - dot(a, dh[i]) ** 2) / speed[i] ** 3);
      layers.push({path, share, length: 2 * PI * mean(speed.map(sqrt)) / sqrt(width), q: mean(h.map(x => dot(x, x))) / width,
                   kappa2: bend ? width * mean(bend) : Infinity});
      before = vectors;
      if (layers.length === depth) break;
      const weights = scaled(Float64Array.from(z.subarray(at, at + width * width)), w / sqrt(width)), through = h.map((one, p) => {
        const [y, d, s] = phi.jet.at(one, order);
        return [y, d.map((x, j) => x * dh[p][j]), s && s.map((x, j) => x * dh[p][j] ** 2 + d[j] * d2h[p][j])];
      });
      motion = motion.map((_, k) => through.map(one => product(weights, one[k])));
      motion[0].forEach(one => one.forEach((_, i) => { one[i] += b * z[at + width * width + i]; }));
    }
    return layers;
  };

  /** What theory says of the same circle: its length and N kappa^2, off the shell as well. */
  lab.circle = (phi, w, b, q, depth, metric = q, kappa2 = 1 / q) => range(depth, () => {
    const told = {length: 2 * PI * sqrt(metric), kappa2: phi.bent ? Infinity : kappa2};
    const [chi1, chi2] = [1, 2].map(order => w * w * lab.moment(phi, q, order));
    [metric, kappa2, q] = [chi1 * metric, 3 * chi2 / chi1 ** 2 + kappa2 / chi1, lab.lengthMap(phi, w, b, q)];
    return told;
  });

  const nice = x => [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(one => one * 10 ** Math.floor(Math.log10(x))).find(one => one >= 0.999 * x);
  /** The axes go so far that the edge of chaos is in the middle of them. */
  function plane(phi, w, b, cells) {
    const edge = [0.1, 0.3, 1, 3].map(one => lab.criticalWeight(phi, one)).find(one => one > 0 && one < 1e6);
    const unit = edge || lab.moment(phi, 1, 1) ** -0.5 || 1.2, high = nice(max(3.2 * unit, w)), wide = nice(max(1.6 * unit, b));
    return {high, wide, cells, ...lab.plane(phi, high, wide, cells)};
  }

  /** The numbers of a point, and the maps with eight layers of a length and of a correlation. */
  function pictured(phi, w, b, quick) {
    const found = lab.point(phi, w, b, quick), alive = found.q > 1e-16, q = alive ? found.q : 1;
    const top = 2 * (found.repeller < 10 * q ? found.repeller : q);
    const longer = x => lab.lengthMap(phi, w, b, x), nearer = c => lab.correlationMap(phi, w, q, max(0, min(c, 1)), true);
    const steps = (x, f) => range(8, () => [x, x = f(x)]), curve = (n, top, f) => range(n, i => [top * i / (n - 1), f(top * i / (n - 1))]);
    return {...found, w, b, top, lengths: curve(49, top, longer), lengthSteps: steps(q === 1 ? 0.25 : min(1, top), longer),
            pairs: alive ? curve(25, 1, nearer) : [], pairSteps: alive ? steps(0.5, nearer) : []};
  }

  /** What the page is told, piece by piece: the point, the plane if its cells are asked for, the network. */
  lab.answers = function* ({phi: text, sigma_w: w, sigma_b: b, width, depth, seed, points, cells, snap, quick}) {
    try {
      const phi = lab.activation(text), edge = lab.criticalWeight(phi, b);
      if (snap && edge > 0) w = edge;
      const point = pictured(phi, w, b, quick), q = point.q > 1e-16 ? point.q : 1;
      yield {point: {...point, edge}};
      if (cells) yield {plane: plane(phi, w, b, cells)};
      yield {network: {seen: lab.network(phi, w, b, q, width, depth, seed, points), told: lab.circle(phi, w, b, q, depth)}};
    } catch (problem) {
      yield {error: problem.message};
    }
  };
});
