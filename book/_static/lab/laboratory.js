/* The laboratory on the page: a point to drag over the phase diagram, and what it means. */
(() => {
  "use strict";
  const host = document.querySelector(".laboratory");
  if (!host) return;
  const FORMULA = "sin(x) + cos(x)", CELLS = 60, WIDE = 300, HIGH = 240, LEFT = 42, RIGHT = 292, TOP = 8, BOTTOM = 206;
  const state = {phi: "tanh", sigma_w: 2.5, sigma_b: 0.3, width: 100, depth: 12, seed: 1, layer: 4, turn: 0.6, tilt: 0.5};
  const LIMITS = {sigma_w: [0, 100], sigma_b: [0, 100], width: [3, 300], depth: [2, 30], seed: [0, 999999], layer: [1, 30],
                  turn: [-100, 100], tilt: [-1.5, 1.5]};
  const PHASES = {ordered: "Order: inputs end up alike", chaotic: "Chaos: near inputs part", critical: "The edge of chaos",
                  none: "No length settles", "not known": "Not known here"};
  const {general} = lab, {round, min, max, abs, floor, hypot, log10, cos, sin} = Math;
  if (host.classList.contains("formula")) Object.assign(state, {phi: FORMULA, sigma_w: 1.3});

  const number = name => `<label>${name.replace("sigma", "σ")} <input name="${name}" type="number" inputmode="decimal"
    min="${LIMITS[name][0]}" max="${LIMITS[name][1]}" step="${name.includes("_") ? "any" : 1}"></label>`;
  const figure = (name, caption, more = "") => `<figure class="${name}"><div class="frame" ${more}></div>
    <figcaption>${caption}</figcaption></figure>`;
  const buttons = told => told.map(([name, text]) => `<button type="button" name="${name}">${text}</button>`).join("");
  host.innerHTML = `<p>Drag the ring, or move it by the arrow keys. Below the dashed line all inputs end up alike, above it
    they part.</p>
    <div class="choose"><label>nonlinearity <select name="named">${lab.NAMES.map(one => `<option>${one}</option>`).join("")}
      <option value="">a formula …</option></select></label>
      <label class="formula">φ(x) = <input name="formula" type="text" maxlength="500" spellcheck="false" autocomplete="off"
        autocapitalize="off" aria-describedby="laboratory-fault"></label>${number("sigma_w")}${number("sigma_b")}</div>
    <p class="fault" id="laboratory-fault" role="alert"></p>
    <div class="pair">${figure("plane", "Blue: order; red: chaos; dashed: the edge of chaos, χ₁ = 1. Hatched: lengths grow "
      + "without bound.")}<div class="told"></div></div>
    <div class="pair">${figure("lengths", "Length map: the squared length before and after a layer.")}
      ${figure("pairs", "Correlation map: the correlation of two inputs before and after a layer.")}</div>
    <div class="choose">${buttons([["back", "‹ layer"], ["step", "layer ›"], ["play", "play"]])}
      <input name="layer" type="range" min="1" step="1" aria-label="layer">${["width", "depth", "seed"].map(number).join("")}</div>
    <div class="three">${figure("net", "", `tabindex="0" role="group" aria-label="A circle in one network; arrow keys turn it"`)}
      ${figure("length", "Length of the circle, per root of the width. Line: theory; dots: this network.")}
      ${figure("kappa2", "Curvature N κ² of the circle, in the mean. Line: theory; dots: this network.")}</div>
    <div class="choose">${buttons([["link", "copy link"], ["command", "copy as command"], ["python", "copy as Python"]])}</div>
    <pre class="copied" aria-live="polite"></pre>`;
  const find = selector => host.querySelector(selector), frame = name => find(`.${name} .frame`);
  frame("plane").innerHTML = `<div></div><div class="handle" role="slider" tabindex="0" aria-orientation="vertical" aria-valuemin="0"
    aria-label="the network: up and down change sigma_w, left and right sigma_b"></div>`;
  const handle = find(".handle"), text = find("[name=formula]"), slider = find("[name=layer]"), copied = find(".copied");
  let plane, point, network, layer = 1, gliding = 0, timer = 0, snap = false, writing;

  // the worker: of each kind of question the newest waits, those before it are dropped

  const waiting = new Map();
  let busy = false, worker;
  const hear = ({data}) => { busy = false; heard(data); ask(); };
  try {
    worker = new Worker(URL.createObjectURL(new Blob([`var lab = {}; ${lab.parts.map(make => `(${make})(lab);`).join("\n")}
      onmessage = ({data}) => postMessage(lab.answer(data));`], {type: "text/javascript"})));
    worker.onmessage = hear;
  } catch (refused) {
    worker = {postMessage: asked => setTimeout(() => hear({data: lab.answer(asked)}))};
  }
  lab.busy = () => busy || waiting.size > 0;
  function ask(what, more) {
    if (what) waiting.set(what, {what, phi: state.phi, w: state.sigma_w, b: state.sigma_b, ...more});
    const next = ["point", "plane", "network"].find(one => waiting.has(one));
    if (busy || !next) return;
    busy = true;
    worker.postMessage(waiting.get(next));
    waiting.delete(next);
  }
  function heard({asked, found, error}) {
    if (asked.phi !== state.phi) return;
    find(".fault").textContent = error || "";
    text.setAttribute("aria-invalid", Boolean(error));
    if (error) return;
    if (asked.what === "plane") { plane = found; drawPlane(); }
    if (asked.what === "network") { network = found; layer = min(layer, found.layers.length); drawNetwork(); }
    if (asked.what !== "point") return;
    point = {...found, rough: asked.quick ? 1e-5 : 1e-10};
    if (asked.snap) { state.sigma_w = found.w; write(); }
    drawPoint();
    const {width, depth, seed} = state;
    ask("network", {w: found.w, b: found.b, q: found.q > 1e-16 ? found.q : 1, width, depth, seed});
  }

  // charts

  const X = (x, [low, high]) => LEFT + (RIGHT - LEFT) * (x - low) / (high - low);
  const Y = (y, [low, high]) => BOTTOM - (BOTTOM - TOP) * (y - low) / (high - low);
  const fine = points => points.filter(one => one.every(Number.isFinite));
  const line = (kind, points, x, y) => fine(points).length ? `<path class="${kind}" d="M${fine(points).map(([a, b]) =>
    `${X(a, x).toFixed(1)} ${Y(b, y).toFixed(1)}`).join("L")}"/>` : "";
  const dots = (kind, points, x, y) => fine(points).map(([a, b]) => b <= y[1]
    ? `<circle class="${kind}${kind === "dot" && a === round(layer) ? " here" : ""}" cx="${X(a, x)}" cy="${Y(b, y)}" r="4"/>` : "").join("");
  /** Round numbers on an axis, or on one of logarithms those of one digit. */
  function ticks([low, high], log) {
    const size = 10 ** floor(log10((high - low) / 2.5)), step = size * [5, 2, 1].find(one => (high - low) / (one * size) >= 2.5);
    const all = Array.from({length: 40}, (_, i) => log ? log10([1, 2, 5][i % 3] * 10 ** (floor(low) + floor(i / 3)))
      : step * (Math.ceil(low / step) + i)).filter(one => one >= low - 1e-9 && one <= high + 1e-9);
    return log && all.length > 6 ? all.filter(one => abs(one - round(one)) < 1e-9) : all;
  }
  /** An SVG of axes with what is drawn inside. */
  function chart(label, x, y, [below, beside], drawn, log) {
    const at = (x, y, anchor, text) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
    return `<svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${label}"><clipPath id="laboratory-clip"><rect x="${LEFT - 5}"
      y="${TOP - 5}" width="${RIGHT - LEFT + 10}" height="${BOTTOM - TOP + 10}"/></clipPath>
      <g clip-path="url(#laboratory-clip)">${drawn}</g><path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}"/>
      ${ticks(x).map(one => at(X(one, x), BOTTOM + 13, "middle", general(one, 3))).join("")}
      ${ticks(y, log).map(one => at(LEFT - 4, Y(one, y) + 4, "end", general(log ? 10 ** one : one, 3))).join("")}
      ${at((RIGHT + LEFT) / 2, HIGH - 5, "middle", below)}
      <text transform="translate(10 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${beside}</text></svg>`;
  }

  function drawPlane() {
    const {chi1, n, high, wide, edge, bias} = plane, canvas = document.createElement("canvas"), [x, y] = [[0, wide], [0, high]];
    const middle = document.documentElement.dataset.theme === "dark" ? [44, 48, 56] : [246, 246, 244];
    canvas.width = canvas.height = n;
    const brush = canvas.getContext("2d"), pixels = brush.createImageData(n, n);
    chi1.forEach((value, i) => {
      const t = max(-1, min(1, Math.log(value) / Math.log(3))), end = t < 0 ? [40, 110, 190] : [205, 70, 40];
      pixels.data.set([...middle.map((one, k) => one + abs(t) * (end[k] - one)), Number.isNaN(value) ? 0 : 255], 4 * i);
    });
    brush.putImageData(pixels, 0, 0);
    const area = `x="${LEFT}" y="${TOP}" width="${RIGHT - LEFT}" height="${BOTTOM - TOP}"`;
    frame("plane").firstChild.innerHTML = chart("Phase diagram", x, y, ["σ_b", "σ_w"],
      `<pattern id="laboratory-hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 6L6 0"/></pattern>
       <rect ${area} fill="url(#laboratory-hatch)"/><image ${area} preserveAspectRatio="none" href="${canvas.toDataURL()}"/>`
      + line("edge", Array.from(bias, (b, i) => [b, edge[i]]), x, y));
    for (const one of ["sigma_w", "sigma_b"]) find(`[name=${one}]`).step = high / 400;
    handle.setAttribute("aria-valuemax", high);
    place();
  }
  function place() {
    handle.style.left = plane && `${100 * X(min(state.sigma_b, plane.wide), [0, plane.wide]) / WIDE}%`;
    handle.style.top = plane && `${100 * Y(min(state.sigma_w, plane.high), [0, plane.high]) / HIGH}%`;
  }

  /** As many digits as the error lets stand, eight at most. */
  function digits(value, error) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "none" : "∞";
    return general(value, max(1, min(8, floor(log10(abs(value) / (2 * error))) || 1)));
  }
  function drawPoint() {
    const {q, chi1, c, deficit, phase, xi_q, xi_c, edge, top, repeller, warnings, rough} = point, [x, one] = [[0, top], [0, 1]];
    const shown = {"χ₁": digits(chi1, 1e-12 * chi1), "edge of chaos at σ_w": digits(edge, 1e-12), "length q*": digits(q, 1e-12 * q),
                   "correlation c*": digits(c, rough * deficit + 1e-12 / (deficit ? chi1 - 1 : 1)),
                   "depth scale ξ of q": digits(xi_q, 1e-11 * (xi_q ** 2 + xi_q)),
                   "depth scale ξ of c": digits(xi_c, rough * (xi_c ** 2 + xi_c))};
    find(".told").innerHTML = `<p class="phase ${phase}">${PHASES[phase]}</p><table>${Object.entries(shown).map(([name, value]) =>
      `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join("")}</table>${warnings.map(one => `<p>${one}</p>`).join("")}`;
    handle.setAttribute("aria-valuenow", general(state.sigma_w, 5));
    handle.setAttribute("aria-valuetext", `sigma_w ${general(state.sigma_w, 4)}, sigma_b ${general(state.sigma_b, 4)}: `
      + (phase === "none" ? "lengths do not settle" : `${phase}, chi1 ${general(chi1, 4)}`));
    const map = (label, curve, steps, ends, x, letter) => chart(label, x, x, [letter, `${letter} one layer later`],
      line("same", [[0, 0], [x[1], x[1]]], x, x) + line("curve", curve, x, x)
      + line("steps", steps.flatMap(([a, b]) => [[a, a], [a, b]]), x, x) + dots("star", ends.map(end => [end, end]), x, x));
    frame("lengths").innerHTML = map(`Length map, q* ${shown["length q*"]}`, point.lengths, point.lengthSteps, [q, repeller], x, "q");
    frame("pairs").innerHTML = map(`Correlation map, c* ${shown["correlation c*"]}`, point.pairs, point.pairSteps, [c], one, "c");
  }

  function drawNetwork() {
    const {layers: seen, told} = network, low = min(floor(layer), seen.length), [a, b] = [seen[low - 1], seen[low] || seen[low - 1]];
    const mixed = a.path.map((axis, k) => axis.map((x, i) => x + (layer - low) * (b.path[k][i] - x)));
    const far = max(...mixed[0].map((x, i) => hypot(x, mixed[1][i], mixed[2][i])), 1e-12), by = 110 / far, {turn, tilt} = state;
    const at = mixed[0].map((x, i) => {
      const back = sin(turn) * x + cos(turn) * mixed[2][i], y = mixed[1][i];
      return [cos(turn) * x - sin(turn) * mixed[2][i], sin(tilt) * back - cos(tilt) * y, sin(tilt) * y + cos(tilt) * back];
    });
    const part = i => [at[i], at[(i + 1) % at.length]].map(([x, y]) => `${(x * by).toFixed(1)} ${(y * by).toFixed(1)}`).join("L");
    frame("net").innerHTML = `<svg viewBox="-150 -120 300 240" aria-hidden="true">${at.map((_, i) => i).sort((i, j) => at[i][2] - at[j][2])
      .map(i => `<path d="M${part(i)}" style="stroke: hsl(${360 * i / at.length} 75% 50%); stroke-width: ${3 + 1.5 * at[i][2] / far}"/>`).join("")}</svg>`;
    find(".net figcaption").textContent = `The circle at layer ${round(layer)} of ${seen.length}, width ${state.width}, seed ${state.seed}. `
      + `These three components hold ${round(100 * seen[round(layer) - 1].share)} % of its variance; drawn ${general(1 / far, 2)} times as large. Drag to turn it.`;
    for (const [name, label] of [["length", "length"], ["kappa2", "N κ²"]]) {
      const of = rows => rows.slice(0, seen.length).map((row, i) => [i + 1, log10(row[name])]), x = [1, seen.length];
      const all = fine([...of(seen), ...of(told)]).map(one => one[1]), y = [floor(4 * min(...all)) / 4, Math.ceil(4 * max(...all) + 0.1) / 4];
      frame(name).innerHTML = all.length ? chart(`${label}, layer by layer`, x, y, ["layer", label],
        line("curve", of(told), x, y) + dots("dot", of(seen), x, y), true) : "<p>φ has a kink: the curvature is infinite.</p>";
    }
    Object.assign(slider, {max: seen.length, value: round(layer)});
  }

  // the state, its address, and what changes it

  const address = () => `#${new URLSearchParams({...state, layer: round(layer), turn: state.turn.toFixed(2), tilt: state.tilt.toFixed(2)})}`;
  function write() {
    const named = lab.NAMES.includes(state.phi), free = input => input !== document.activeElement;
    host.querySelectorAll("[type=number]").forEach(one => { if (free(one)) one.value = +state[one.name].toPrecision(10); });
    find("[name=named]").value = named ? state.phi : "";
    find(".formula").hidden = named;
    if (free(text)) text.value = state.phi;
    place();
    clearTimeout(writing);
    writing = setTimeout(() => history.replaceState(null, "", address()), 300);
  }
  function change(values, quick = false) {
    Object.assign(state, values);
    for (const [name, [low, high]] of Object.entries(LIMITS)) state[name] = min(max(state[name], low), high);
    layer = min(layer, state.depth);
    write();
    ask("point", {quick, snap});
    if ("phi" in values || plane && (state.sigma_w > plane.high || state.sigma_b > plane.wide)) ask("plane", {n: CELLS});
  }
  function read() {
    const given = [...new URLSearchParams(location.hash.slice(1))].filter(([name, value]) => name in LIMITS && value && isFinite(value));
    const told = Object.fromEntries(given.map(([name, value]) => [name, +value]));
    layer = told.layer || state.layer;
    change({...told, phi: new URLSearchParams(location.hash.slice(1)).get("phi") || state.phi});
  }
  /** To a layer, gliding where motion is wanted. */
  function go(to, then = () => {}) {
    const from = layer, start = performance.now(), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const glide = now => {
      const part = still ? 1 : min(1, max(0, (now - start) / 600));
      layer = from + part * (max(1, min(to, network.layers.length)) - from);
      drawNetwork();
      if (part < 1) gliding = requestAnimationFrame(glide);
      else { write(); then(still); }
    };
    cancelAnimationFrame(gliding);
    if (network) gliding = requestAnimationFrame(glide);
  }
  function play(on) {
    clearTimeout(timer);
    timer = 0;
    find("[name=play]").textContent = on ? "stop" : "play";
    const onward = still => { timer = setTimeout(() => layer < network.layers.length ? go(floor(layer) + 1, onward) : play(false), still ? 1000 : 150); };
    if (on) go(layer < network.layers.length ? layer : 1, onward);
    else cancelAnimationFrame(gliding);
  }
  const CLICKS = {
    back: () => go(Math.ceil(layer) - 1), step: () => go(floor(layer) + 1), play: () => play(!timer),
    link: () => location.href.split("#")[0] + address(),
    command: () => `python -m lib run your_own_nonlinearity -p formula "${state.phi}" -p sigma_w ${state.sigma_w} -p sigma_b ${state.sigma_b}`,
    python: () => `import lib\n\nlaw = lib.MeanField(sigma_w=${state.sigma_w}, sigma_b=${state.sigma_b}, phi="${state.phi}")\nprint(law)\n`
      + "print(law.q_star, law.chi1, law.c_star, law.xi_c, law.critical_line())",
  };
  host.addEventListener("click", ({target: {name}}) => {
    const copy = Object.hasOwn(CLICKS, name) && CLICKS[name]();
    if (copy) navigator.clipboard?.writeText(copied.textContent = copy).catch(() => {});
  });
  host.addEventListener("change", ({target: {name, value, type}}) => {
    if (name === "named") change({phi: value || FORMULA});
    if (type === "number" && value !== "") change({[name]: name.includes("_") ? +value : round(value)});
  });
  text.addEventListener("input", () => change({phi: text.value}));
  slider.addEventListener("input", () => go(+slider.value));

  // by hand

  const ground = frame("plane"), net = frame("net");
  const ARROWS = {ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], PageUp: [0, 10], PageDown: [0, -10]};
  function drag({clientX, clientY, type}) {
    const box = ground.getBoundingClientRect(), by = WIDE / box.width, {high, wide, edge} = plane;
    const part = (x, from, to) => min(1, max(0, (x * by - from) / (to - from))), even = x => +(round(x / high * 1000) * high / 1000).toPrecision(6);
    const b = wide * part(clientX - box.left, LEFT, RIGHT), w = high * (1 - part(clientY - box.top, TOP, BOTTOM));
    snap = abs(w - edge[round(b / wide * (CELLS - 1))]) / high * (BOTTOM - TOP) / by < 5;
    change({sigma_b: even(b), sigma_w: even(w)}, type !== "pointerup");
  }
  function drop(event) {
    if (event.type === "pointerup" && plane && (ground.onpointermove || event.pointerType !== "mouse")) drag(event);
    ground.onpointermove = null;
    snap = false;
  }
  ground.addEventListener("pointerdown", event => {
    if (!plane || event.button || (event.pointerType !== "mouse" && event.target !== handle)) return;
    event.preventDefault();
    ground.setPointerCapture(event.pointerId);
    handle.focus({preventScroll: true});
    ground.onpointermove = drag;
    drag(event);
  });
  ground.addEventListener("pointerup", drop);
  ground.addEventListener("pointercancel", drop);
  const arrows = (element, use) => element.addEventListener("keydown", event => {
    if (!Object.hasOwn(ARROWS, event.key)) return;
    event.preventDefault();
    use(...ARROWS[event.key].map(one => event.shiftKey ? 10 * one : one));
  });
  arrows(handle, (x, y) => change({sigma_b: +(state.sigma_b + x * plane.high / 200).toPrecision(6),
                                   sigma_w: +(state.sigma_w + y * plane.high / 200).toPrecision(6)}));
  function turned(x, y) {
    Object.assign(state, {turn: state.turn + x, tilt: max(-1.5, min(1.5, state.tilt + y))});
    if (network) { drawNetwork(); write(); }
  }
  arrows(net, (x, y) => turned(0.15 * x, -0.15 * y));
  net.addEventListener("pointerdown", event => net.setPointerCapture(event.pointerId));
  net.addEventListener("pointermove", event => { if (event.buttons) turned(-event.movementX / 80, event.movementY / 80); });
  new MutationObserver(() => plane && drawPlane()).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  addEventListener("hashchange", read);
  read();
})();
