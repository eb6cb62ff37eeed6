/* The front page: a circle of inputs on its way through three random networks, layer by layer. */
(() => {
  "use strict";
  const host = document.querySelector(".hero");
  if (!host) return;
  const DEPTH = 10, POINTS = 160, HOLD = 2;
  const NET = {phi: "tanh", sigma_b: 0.3, width: 100, depth: DEPTH, seed: 4, points: POINTS, quick: true};
  const SCALES = [0.9, 1.4, 3.5], PHASES = {ordered: "order", critical: "edge of chaos", chaotic: "chaos"};
  const {min, floor, round, sin, cos, PI} = Math, still = matchMedia("(prefers-reduced-motion: reduce)");
  const range = (name, label, from, to, step, value) => `<label><span>${label}</span> <input name="${name}" type="range"
    min="${from}" max="${to}" step="${step}" value="${value}"><output></output></label>`;
  host.innerHTML = `<div class="three">${SCALES.map(() => `<figure><canvas width="440" height="440" role="img"></canvas>
      <figcaption></figcaption></figure>`).join("")}</div>
    <div class="choose"><button type="button"></button>${range("layer", "layer", 1, DEPTH, 1, 1)}
      ${range("sigma_w", "σ<sub>w</sub> of the third", 0.5, 4, 0.05, SCALES[2])}</div>`;
  host.classList.add("on");
  const circle = [cos, sin, () => 0].map(f => Array.from({length: POINTS}, (_, i) => f(2 * PI * i / POINTS)));
  const panels = [...host.querySelectorAll("figure")].map(one => (  // a circle until the networks are there
    {canvas: one.firstElementChild, told: one.lastElementChild, seen: [{path: circle}], point: null}));
  const button = host.querySelector("button"), [layers, scales] = host.querySelectorAll("input");
  let layer = still.matches ? 6 : 1, clock = 0, before = 0, playing = false, seen = true, busy = null;

  // the networks: the newest question about each waits until the worker is free

  const waiting = new Map(), worker = lab.worker();
  function ask(panel, sigma_w, snap = false) {
    waiting.set(panel, {...NET, sigma_w, snap});
    if (!busy) next();
  }
  function next() {
    busy = waiting.keys().next().value;
    if (busy) worker.postMessage(waiting.get(busy));
    waiting.delete(busy);
  }
  worker.onmessage = ({data: {point, network, done}}) => {
    if (point) busy.point = point;
    if (network) { busy.seen = network.seen; draw(); }
    if (done) next();
  };

  // the pictures

  /** The three main components between two layers, as (right, down, near) with the first two in the page. */
  function places({seen}) {
    const low = min(floor(layer), seen.length), [a, b] = [low, min(low + 1, seen.length)].map(one => seen[one - 1].path);
    const turn = 0.5 * sin(0.5 * clock);
    return circle[0].map((_, i) => {
      const [x, y, z] = a.map((axis, k) => axis[i] + (layer - low) * (b[k][i] - axis[i]));
      return [cos(turn) * x - sin(turn) * z, -y, sin(turn) * x + cos(turn) * z];
    });
  }
  function draw() {
    const light = document.documentElement.dataset.theme === "dark" ? 64 : 44, shown = round(layer);
    for (const panel of panels) {
      const {canvas, point} = panel, brush = canvas.getContext("2d"), half = canvas.width / 2, at = places(panel);
      const put = ([x, y]) => [half + 0.86 * half * x, half + 0.86 * half * y];
      brush.clearRect(0, 0, canvas.width, canvas.height);
      brush.lineCap = "round";
      at.map((_, i) => i).sort((i, j) => at[i][2] - at[j][2]).forEach(i => {
        brush.beginPath();
        brush.moveTo(...put(at[i]));
        brush.lineTo(...put(at[(i + 1) % at.length]));
        brush.lineWidth = 5 + 2 * at[i][2];
        brush.strokeStyle = `hsl(${360 * i / at.length} 75% ${light}%)`;
        brush.stroke();
      });
      const told = point && `${PHASES[point.phase]}, σw = ${+point.w.toPrecision(3)}`;
      if (point) panel.told.innerHTML = told.replace(/σw = (.*)/, "<span>σ<sub>w</sub> = $1</span>");
      panel.told.className = point?.phase ?? "";
      canvas.setAttribute("aria-label", `A circle of inputs at layer ${shown} of ${DEPTH}: ${told ?? "not yet drawn"}`);
    }
    layers.value = shown;
    layers.nextElementSibling.textContent = shown;
    layers.setAttribute("aria-valuetext", `layer ${shown} of ${DEPTH}`);
    scales.nextElementSibling.textContent = (+scales.value).toFixed(2);
    scales.setAttribute("aria-valuetext", `${scales.value}, ${PHASES[panels[2].point?.phase] || ""}`);
  }

  // time: a layer a second, and a rest at the end; in steps where motion is unwanted

  function tick(now) {
    const passed = min(0.1, (now - before) / 1000);
    before = now;
    if (!playing || !seen) return;
    if (panels.some(one => !one.point)) return requestAnimationFrame(tick);
    clock += still.matches ? 0 : passed;
    tick.at = (tick.at + passed) % (DEPTH - 1 + HOLD);
    const to = min(DEPTH, 1 + tick.at);
    if (still.matches && floor(to) === layer) return requestAnimationFrame(tick);
    layer = still.matches ? floor(to) : to;
    draw();
    requestAnimationFrame(tick);
  }
  function play(on) {
    if (on && !playing) {
      [tick.at, before] = [layer >= DEPTH ? 0 : layer - 1, performance.now()];
      requestAnimationFrame(tick);
    }
    playing = on;
    button.textContent = on ? "pause" : "play";
  }
  button.addEventListener("click", () => play(!playing));
  layers.addEventListener("input", () => { play(false); layer = +layers.value; draw(); });
  scales.addEventListener("input", () => { ask(panels[2], +scales.value); draw(); });
  new MutationObserver(draw).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  new IntersectionObserver(([entry]) => {
    const again = entry.isIntersecting && !seen;
    seen = entry.isIntersecting;
    if (again && playing) { playing = false; play(true); }
  }).observe(host);
  panels.forEach((panel, i) => ask(panel, SCALES[i], i === 1));
  draw();
  play(!still.matches);
})();
