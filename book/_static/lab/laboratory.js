/* The laboratory on the page: a point to drag over the phase diagram, and what it means. */
(() => {
  "use strict";
  const host = document.querySelector(".laboratory");
  if (!host) return;
  const FORMULA = "sin(x) + cos(x)", CELLS = 60, WIDE = 300, HIGH = 240, LEFT = 42, RIGHT = 292, TOP = 8, BOTTOM = 206;
  const state = {phi: "tanh", sigma_w: 2.5, sigma_b: 0.3, width: 100, depth: 12, seed: 1, layer: 4, turn: 0.6, tilt: 0.5};
  const LIMITS = {sigma_w: [0, 100], sigma_b: [0, 100], width: [3, 300], depth: [2, 30], seed: [0, 999999], layer: [1, 30]};
  const PHASES = {ordered: "Order: inputs end up alike", chaotic: "Chaos: near inputs part", none: "No length settles",
                  critical: "The edge of chaos", "not known": "Not known here"};
  const {general} = lab, {round, min, max, abs, floor, ceil, log10, cos, sin} = Math;
  if (host.classList.contains("formula")) Object.assign(state, {phi: FORMULA, sigma_w: 1.3});

  const numbers = names => names.map(name => `<label>${name.replace("sigma", "σ")} <input name="${name}" type="number"
    step="${name.includes("_") ? 0.01 : 1}" inputmode="decimal" min="${LIMITS[name][0]}" max="${LIMITS[name][1]}"></label>`).join("");
  const figure = (name, caption, more = "") =>
    `<figure class="${name}"><div class="frame" ${more}></div><figcaption>${caption}</figcaption></figure>`;
  const buttons = told => Object.entries(told).map(one => `<button type="button" name="${one[0]}">${one[1]}</button>`).join("");
  host.innerHTML = `
    <p>Drag the ring, or move it by the arrow keys. Below the dashed line all inputs end up alike, above it they part.</p>
    <div class="choose"><label>nonlinearity <select name="named">${lab.NAMES.map(one => `<option>${one}</option>`).join("")}
      <option value="">a formula …</option></select></label><label class="formula">φ(x) = <input name="formula" type="text"
      maxlength="500" spellcheck="false" autocomplete="off" autocapitalize="off" aria-describedby="laboratory-fault"></label>
      ${numbers(["sigma_w", "sigma_b"])}</div>
    <p class="fault" id="laboratory-fault" role="alert"></p>
    <div class="pair">${figure("plane", "Blue: order; red: chaos; dashed: the edge of chaos, χ₁ = 1; hatched: lengths grow "
      + "without bound.")}<div class="told"></div></div>
    <div class="pair">${figure("lengths", "Length map: the squared length before and after a layer.")}
      ${figure("pairs", "Correlation map: the correlation of two inputs before and after a layer.")}</div>
    <div class="choose">${buttons({back: "‹ layer", step: "layer ›", play: "play"})}<input name="layer" type="range" min="1"
      step="1" aria-label="layer">${numbers(["width", "depth", "seed"])}</div>
    <div class="three">${figure("net", "", `tabindex="0" role="group" aria-label="A circle in one network; arrow keys turn it"`)}
      ${figure("length", "Length of the circle, per root of the width. Line: theory; dots: this network.")}
      ${figure("kappa2", "Curvature N κ² of the circle, in the mean. Line: theory; dots: this network.")}</div>
    <div class="choose">${buttons({link: "copy link", command: "copy as command", python: "copy as Python"})}</div>
    <pre class="copied" aria-live="polite"></pre>`;
  const find = selector => host.querySelector(selector), frame = name => find(`.${name} .frame`);
  frame("plane").innerHTML = `<div></div><div class="handle" role="slider" tabindex="0" aria-orientation="vertical"
    aria-valuemin="0" aria-valuenow="${state.sigma_w}" aria-label="the network: up and down change sigma_w, left and right sigma_b"></div>`;
  const handle = find(".handle"), text = find("[name=formula]"), slider = find("[name=layer]");
  let plane, network, layer = 1, gliding = 0, timer = 0, snap = false, stale = true, busy = null, next = null, touched = false, writing;

  // the worker: while it works, the newest question waits, and those before it are dropped

  const worker = lab.worker();
  worker.onmessage = ({data}) => data.done ? send() : busy.phi === state.phi && heard(data);
  function send() {
    [busy, next] = [next, null];
    host.setAttribute("aria-busy", Boolean(busy));
    if (busy) worker.postMessage(busy);
  }
  function heard({error = "", ...found}) {
    find(".fault").textContent = error;
    text.setAttribute("aria-invalid", error !== "");
    if (found.point && busy.snap && !next) state.sigma_w = found.point.w;
    if (found.point) drawPoint(found.point, busy.quick ? 1e-5 : 1e-10);
    if (found.plane) { [plane, stale] = [found.plane, false]; drawPlane(); }
    if (found.network) { network = found.network; drawNetwork(); }
    write();
  }

  // charts

  const X = (x, [low, high]) => LEFT + (RIGHT - LEFT) * (x - low) / (high - low);
  const Y = (y, [low, high]) => BOTTOM - (BOTTOM - TOP) * (y - low) / (high - low);
  const fine = points => points.filter(one => one.every(Number.isFinite));
  const line = (kind, points, x, y) => fine(points).length ? `<path class="${kind}" d="M${fine(points).map(([a, b]) =>
    `${X(a, x).toFixed(1)} ${Y(b, y).toFixed(1)}`).join("L")}"/>` : "";
  const dots = (kind, points, x, y) => fine(points).filter(one => one[1] <= y[1]).map(([a, b]) =>
    `<circle class="${kind}${a === round(layer) ? " here" : ""}" cx="${X(a, x)}" cy="${Y(b, y)}" r="4"/>`).join("");
  /** Round numbers on an axis, or on one of logarithms those of one digit. */
  function ticks([low, high], log) {
    const size = 10 ** floor(log10((high - low) / 2.5)), step = size * [5, 2, 1].find(one => (high - low) / (one * size) >= 2.5);
    const inside = one => one >= low - 1e-9 && one <= high + 1e-9, many = Array.from({length: 40}, (_, i) => i);
    const sets = log ? [[1], [1, 2, 5], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]].map(set => many.flatMap(i =>
      set.map(one => log10(one) + floor(low) + i))) : [many.map(i => step * (ceil(low / step) + i))];
    return sets.map(one => one.filter(inside)).find((one, i) => one.length > 2 || i === sets.length - 1);
  }
  const short = one => one && (abs(one) >= 1e4 || abs(one) < 1e-3) ? `${one.toExponential(1)}`.replace(/\.0|\+/g, "") : general(one, 3);
  /** An SVG of axes with what is drawn inside. */
  function chart(label, x, y, [below, beside], drawn, log) {
    const at = (x, y, anchor, text) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
    return `<svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${label}"><clipPath id="laboratory-clip">
      <rect x="${LEFT - 5}" y="${TOP - 5}" width="${RIGHT - LEFT + 10}" height="${BOTTOM - TOP + 10}"/></clipPath>
      <g clip-path="url(#laboratory-clip)">${drawn}</g><path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}"/>
      ${ticks(x).map(one => at(X(one, x), BOTTOM + 13, "middle", short(one))).join("")}
      ${ticks(y, log).map(one => at(LEFT - 4, Y(one, y) + 4, "end", short(log ? 10 ** one : one))).join("")}
      ${at((RIGHT + LEFT) / 2, HIGH - 5, "middle", below)}
      <text transform="translate(10 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${beside}</text></svg>`;
  }

  function drawPlane() {
    const {chi1, cells, high, wide, edge, bias} = plane, [x, y] = [[0, wide], [0, high]];
    const middle = document.documentElement.dataset.theme === "dark" ? [44, 48, 56] : [246, 246, 244];
    const canvas = Object.assign(document.createElement("canvas"), {width: cells, height: cells});
    const brush = canvas.getContext("2d"), pixels = brush.createImageData(cells, cells);
    chi1.forEach((value, i) => {
      const t = max(-1, min(1, Math.log(value) / Math.log(3))), end = t < 0 ? [40, 110, 190] : [205, 70, 40];
      pixels.data.set([...middle.map((one, k) => one + abs(t) * (end[k] - one)), Number.isNaN(value) ? 0 : 255], 4 * i);
    });
    brush.putImageData(pixels, 0, 0);
    const area = `x="${LEFT}" y="${TOP}" width="${RIGHT - LEFT}" height="${BOTTOM - TOP}"`;
    frame("plane").firstChild.innerHTML = chart("Phase diagram", x, y, ["σ_b", "σ_w"], `<pattern id="laboratory-hatch"
      width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 6L6 0"/></pattern>
      <rect ${area} fill="url(#laboratory-hatch)"/><image ${area} preserveAspectRatio="none" href="${canvas.toDataURL()}"/>`
      + line("edge", Array.from(bias, (b, i) => [b, edge[i]]), x, y));
    handle.setAttribute("aria-valuemax", high);
  }

  /** As many digits as the error lets stand, eight at most. */
  const digits = (value, error) => Number.isNaN(value) ? "none" : !Number.isFinite(value) ? "∞"
    : general(value, max(1, min(8, floor(log10(abs(value) / (2 * error))) || 1)));
  function drawPoint(point, rough) {
    const {q, chi1, c, deficit, phase, xi_q, xi_c, top, repeller} = point;
    const shown = {"χ₁": digits(chi1, 1e-12 * chi1), "edge of chaos at σ_w": digits(point.edge, 1e-12), "length q*": digits(q, 1e-12 * q),
                   "correlation c*": digits(c, rough * deficit + 1e-12 / (deficit ? chi1 - 1 : 1)),
                   "depth scale ξ of q": digits(xi_q, 1e-11 * (xi_q ** 2 + xi_q)),
                   "depth scale ξ of c": digits(xi_c, rough * (xi_c ** 2 + xi_c))};
    const rows = Object.entries(shown).map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`);
    find(".told").innerHTML = `<p class="phase ${phase}">${PHASES[phase]}</p><table>${rows.join("")}</table>
      ${point.warnings.map(one => `<p>${one}</p>`).join("")}`;
    handle.setAttribute("aria-valuenow", general(point.w, 5));
    handle.setAttribute("aria-valuetext", `sigma_w ${general(point.w, 4)}, sigma_b ${general(point.b, 4)}: `
      + (phase === "none" ? "lengths do not settle" : `${phase}, chi1 ${general(chi1, 4)}`));
    const map = (label, curve, steps, ends, high, letter, x = [0, high]) => chart(label, x, x, [letter, `${letter} a layer later`],
      line("same", [[0, 0], [high, high]], x, x) + line("curve", curve, x, x)
      + line("steps", steps.flatMap(([a, b]) => [[a, a], [a, b]]), x, x) + dots("star", ends.map(end => [end, end]), x, x));
    frame("lengths").innerHTML = map("Length map", point.lengths, point.lengthSteps, [q, repeller], top, "q");
    frame("pairs").innerHTML = map("Correlation map", point.pairs, point.pairSteps, [c], 1, "c");
  }

  function drawNetwork() {
    const {seen, told} = network, {turn, tilt} = state;
    layer = min(layer, seen.length);
    const low = floor(layer), here = seen[round(layer) - 1], [a, b] = [seen[low - 1].path, (seen[low] || seen[low - 1]).path];
    const mixed = a[0].map((_, i) => a.map((axis, k) => axis[i] + (layer - low) * (b[k][i] - axis[i])));
    const far = max(...mixed.map(one => Math.hypot(...one)), 1e-12), at = mixed.map(([x, y, z]) => {
      const back = sin(turn) * x + cos(turn) * z;
      return [cos(turn) * x - sin(turn) * z, sin(tilt) * back - cos(tilt) * y, sin(tilt) * y + cos(tilt) * back].map(x => x / far);
    });
    const piece = i => `<path style="stroke: hsl(${360 * i / at.length} 75% 50%); stroke-width: ${3 + 1.5 * at[i][2]}" d="M${
      [at[i], at[(i + 1) % at.length]].map(([x, y]) => `${(110 * x).toFixed(1)} ${(110 * y).toFixed(1)}`).join("L")}"/>`;
    frame("net").innerHTML = `<svg viewBox="-150 -120 300 240" aria-hidden="true">${
      at.map((_, i) => i).sort((i, j) => at[i][2] - at[j][2]).map(piece).join("")}</svg>`;
    find(".net figcaption").textContent = `The circle at layer ${round(layer)} of ${seen.length}, width ${state.width}, seed `
      + `${state.seed}. These three components hold ${round(100 * here.share)} % of its variance; drawn ${general(1 / far, 2)} `
      + "times as large. Drag to turn it.";
    for (const [name, label] of [["length", "length"], ["kappa2", "N κ²"]]) {
      const of = rows => rows.slice(0, seen.length).map((row, i) => [i + 1, log10(row[name])]), x = [1, seen.length];
      const all = fine([...of(seen), ...of(told)]).map(one => one[1]), y = [floor(4 * min(...all)) / 4, ceil(4 * max(...all) + 0.1) / 4];
      frame(name).innerHTML = all.length ? chart(`${label}, layer by layer`, x, y, ["layer", label],
        line("curve", of(told), x, y) + dots("dot", of(seen), x, y), true) : "<p>φ has a kink: the curvature is infinite.</p>";
    }
    Object.assign(slider, {max: seen.length, value: round(layer)});
  }

  // the state, its address, and what changes it

  const address = () => `#${new URLSearchParams({...state, layer: round(layer)})}`;
  function write() {
    const free = input => input !== document.activeElement, named = lab.NAMES.includes(state.phi) && free(text);
    host.querySelectorAll("[type=number]").forEach(one => { if (free(one)) one.value = +state[one.name].toPrecision(10); });
    find("[name=named]").value = named ? state.phi : "";
    find(".formula").hidden = named;
    if (free(text)) text.value = state.phi;
    const {high = 1, wide = 1} = plane || {}, [left, top] = [min(state.sigma_b, wide), min(state.sigma_w, high)];
    Object.assign(handle.style, {left: `${100 * X(left, [0, wide]) / WIDE}%`, top: `${100 * Y(top, [0, high]) / HIGH}%`});
    clearTimeout(writing);
    if (touched) writing = setTimeout(() => history.replaceState(null, "", address()), 300);
  }
  function change(values, quick = false) {
    Object.assign(state, values);
    for (const [name, [low, high]] of Object.entries(LIMITS)) state[name] = min(max(state[name], low), high);
    stale ||= "phi" in values || state.sigma_w > plane.high || state.sigma_b > plane.wide;
    write();
    next = {...state, quick, snap, cells: stale && CELLS};
    if (!busy) send();
  }
  function read() {
    const told = Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].filter(([name, value]) =>
      name === "phi" || name in state && value && isFinite(value)).map(([name, value]) => [name, name === "phi" ? value : +value]));
    change({phi: state.phi, ...told});
    layer = round(state.layer);
  }
  /** To a layer, gliding where motion is wanted. */
  function go(to) {
    const from = layer, start = performance.now(), still = matchMedia("(prefers-reduced-motion: reduce)").matches, glide = now => {
      const part = still ? 1 : min(1, max(0, (now - start) / 600));
      layer = from + part * (max(1, min(to, network.seen.length)) - from);
      drawNetwork();
      if (part < 1) gliding = requestAnimationFrame(glide); else write();
    };
    cancelAnimationFrame(gliding);
    if (network) gliding = requestAnimationFrame(glide);
  }
  function play(on) {
    clearInterval(timer);
    find("[name=play]").textContent = on ? "stop" : "play";
    if (on && layer >= network.seen.length) go(1);
    if (on) timer = setInterval(() => layer < network.seen.length ? go(floor(layer) + 1) : play(false), 1000);
  }
  const CLICKS = {
    back: () => go(ceil(layer) - 1), step: () => go(floor(layer) + 1),
    play: () => play(find("[name=play]").textContent === "play"), link: () => location.href.split("#")[0] + address(),
    command: ({phi, sigma_w: w, sigma_b: b} = state) =>
      `python -m lib run your_own_nonlinearity -p formula "${phi}" -p sigma_w ${w} -p sigma_b ${b}`,
    python: ({phi, sigma_w: w, sigma_b: b} = state) => `import lib\n\nlaw = lib.MeanField(sigma_w=${w}, sigma_b=${b}, phi="${phi}")\n`
      + "print(law)\nprint(law.chi1, law.critical_line(), law.q_star, law.c_star, law.xi_q, law.xi_c)",
  };
  host.addEventListener("click", ({target: {name}}) => {
    const copy = Object.hasOwn(CLICKS, name) && CLICKS[name]();
    if (copy && !find(".fault").textContent) { find(".copied").textContent = copy; navigator.clipboard?.writeText(copy).catch(() => {}); }
  });
  host.addEventListener("change", ({target: {name, value, type}}) => {
    if (name === "named") change({phi: value || FORMULA});
    if (type === "number" && value !== "") change({[name]: name.includes("_") ? +value : round(value)});
  });
  text.addEventListener("input", () => change({phi: text.value}));
  slider.addEventListener("input", () => go(+slider.value));

  // by hand

  const ground = frame("plane"), net = frame("net"), on = (element, type, use) => element.addEventListener(type, use);
  const ARROWS = {ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]};
  function drag({clientX, clientY, type}) {
    const box = ground.getBoundingClientRect(), by = WIDE / box.width, {high, wide, edge} = plane;
    const part = (x, from, to) => min(1, max(0, (x * by - from) / (to - from)));
    const even = x => +(round(x / high * 1000) * high / 1000).toPrecision(6);
    const b = wide * part(clientX - box.left, LEFT, RIGHT), w = high * (1 - part(clientY - box.top, TOP, BOTTOM));
    snap = abs(w - edge[round(b / wide * (CELLS - 1))]) / high * (BOTTOM - TOP) / by < 5;
    change({sigma_b: even(b), sigma_w: even(w)}, type !== "pointerup");
  }
  function drop(event) {
    if (event.type === "pointerup" && plane && (ground.onpointermove || event.pointerType !== "mouse")) drag(event);
    [ground.onpointermove, snap] = [null, false];
  }
  ["pointerup", "pointercancel"].forEach(type => on(ground, type, drop));
  ["pointerdown", "keydown", "input"].forEach(type => on(host, type, () => { touched = true; }));
  on(ground, "pointerdown", event => {
    if (!plane || event.button || (event.pointerType !== "mouse" && event.target !== handle)) return;
    event.preventDefault();
    ground.setPointerCapture(event.pointerId);
    handle.focus({preventScroll: true});
    ground.onpointermove = drag;
    drag(event);
  });
  const arrows = (element, use) => on(element, "keydown", event => {
    if (!Object.hasOwn(ARROWS, event.key)) return;
    event.preventDefault();
    use(...ARROWS[event.key].map(one => event.shiftKey ? 10 * one : one));
  });
  const moved = (name, by) => +(state[name] + by * plane.high / 200).toPrecision(6);
  arrows(handle, (x, y) => change({sigma_b: moved("sigma_b", x), sigma_w: moved("sigma_w", y)}));
  function turned(x, y) {
    Object.assign(state, {turn: +(state.turn + x).toFixed(3), tilt: +max(-1.5, min(1.5, state.tilt + y)).toFixed(3)});
    if (network) drawNetwork();
    write();
  }
  arrows(net, (x, y) => turned(0.15 * x, -0.15 * y));
  on(net, "pointerdown", event => net.setPointerCapture(event.pointerId));
  on(net, "pointermove", event => event.buttons && turned(-event.movementX / 80, event.movementY / 80));
  new MutationObserver(() => plane && drawPlane()).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  on(window, "hashchange", read);
  read();
})();
