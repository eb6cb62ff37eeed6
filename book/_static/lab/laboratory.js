/* The laboratory on the page: a point to drag over the phase diagram, and what it means. */
(() => {
  "use strict";
  const host = document.querySelector(".laboratory");
  if (!host) return;
  const FORMULA = "sin(x) + cos(x)", N = 60, WIDE = 300, HIGH = 240, LEFT = 42, RIGHT = 8, TOP = 8, BOTTOM = 34;
  const START = {phi: "tanh", sigma_w: 2.5, sigma_b: 0.3, width: 100, depth: 12, seed: 1, layer: 4,
                 turn: 0.6, tilt: 0.5};
  const LIMITS = {sigma_w: [0, 100], sigma_b: [0, 100], width: [3, 300], depth: [2, 30], seed: [0, 999999],
                  layer: [1, 30], turn: [-100, 100], tilt: [-1.5, 1.5]};
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = {...START};
  if (host.classList.contains("formula")) Object.assign(state, {phi: FORMULA, sigma_w: 1.3});
  let plane, point, network, layer, playing = 0, snap = false;

  // the worker: of each kind of question the newest waits, the others are dropped

  const waiting = new Map();
  let busy = false, worker;
  const hear = ({data}) => { busy = false; heard(data); ask(); };
  try {
    const source = `var lab = {}; ${lab.parts.map(make => `(${make})(lab);`).join("\n")}
      onmessage = ({data}) => postMessage(lab.answer(data));`;
    worker = new Worker(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
    worker.onmessage = hear;
  } catch (refused) {
    worker = {postMessage: asked => setTimeout(() => hear({data: lab.answer(asked)}))};
  }
  function ask(what, more) {
    if (what) waiting.set(what, {what, phi: state.phi, w: state.sigma_w, b: state.sigma_b, ...more});
    const next = ["point", "plane", "network"].find(one => waiting.has(one));
    if (busy || !next) return;
    busy = true;
    worker.postMessage(waiting.get(next));
    waiting.delete(next);
  }

  // what stands on the page

  const make = (tag, attributes = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  };
  const field = (name, label, more) => make("label", {}, label, make("input", {
    name, type: "number", min: LIMITS[name][0], max: LIMITS[name][1], step: "any", inputmode: "decimal", ...more}));
  const button = (name, text) => make("button", {type: "button", name}, text);
  const frame = (name, caption, more = {}) => make("figure", {class: name}, make("div", {class: "frame", ...more}),
                                                 make("figcaption", {}, caption));
  const handle = make("div", {class: "handle", role: "slider", tabindex: 0, "aria-orientation": "vertical",
    "aria-valuemin": 0, "aria-label": "the network: up and down change sigma_w, left and right sigma_b"});
  const select = make("select", {name: "named"}, ...lab.NAMES.map(one => make("option", {}, one)),
                      make("option", {value: ""}, "a formula …"));
  const layers = make("input", {name: "layer", type: "range", min: 1, step: 1, "aria-label": "layer"});
  const parts = {
    plane: frame("plane", "Blue: order, red: chaos, dashed: the edge of chaos, χ₁ = 1. Hatched: lengths grow without bound."),
    told: make("div", {class: "told"}),
    lengths: frame("map", "Length map: squared length before and after a layer."),
    pairs: frame("map", "Correlation map: correlation of two inputs before and after a layer."),
    network: frame("net", "", {tabindex: 0, role: "group",
      "aria-label": "A circle in one sampled network; arrow keys turn it"}),
    length: frame("map", "Length of the circle, per root of the width. Line: theory; dots: this network."),
    bend: frame("map", "Curvature N κ² of the circle, in the mean. Line: theory; dots: this network."),
  };
  const text = make("input", {name: "formula", type: "text", spellcheck: "false", autocapitalize: "off",
                              autocomplete: "off", maxlength: 500, "aria-describedby": "laboratory-fault"});
  const formula = make("label", {class: "formula"}, "φ(x) = ", text);
  const fault = make("p", {class: "fault", id: "laboratory-fault", role: "alert"});
  const copied = make("pre", {class: "copied", "aria-live": "polite"});
  host.replaceChildren(
    make("p", {class: "task"}, "Drag the ring, or move it by the arrow keys. Below the dashed line all inputs end up "
      + "alike, above it they part."),
    make("div", {class: "choose"}, make("label", {}, "nonlinearity ", select), formula,
         field("sigma_w", "σ_w "), field("sigma_b", "σ_b ")), fault,
    make("div", {class: "pair"}, parts.plane, parts.told),
    make("div", {class: "pair"}, parts.lengths, parts.pairs),
    make("div", {class: "choose"}, button("back", "‹ layer"), button("step", "layer ›"), button("play", "play"), layers,
         field("width", "width ", {step: 1}), field("depth", "depth ", {step: 1}), field("seed", "seed ", {step: 1})),
    make("div", {class: "three"}, parts.network, parts.length, parts.bend),
    make("div", {class: "choose"}, button("link", "copy link"), button("command", "copy as command"),
         button("python", "copy as Python")), copied);
  const inside = name => parts[name].firstChild;
  inside("plane").append(make("div"), handle);

  // charts

  const X = (x, [low, high]) => LEFT + (WIDE - LEFT - RIGHT) * (x - low) / (high - low);
  const Y = (y, [low, high]) => HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * (y - low) / (high - low);
  const path = (points, x, y) => "M" + points.map(([a, b]) => `${X(a, x).toFixed(1)} ${Y(b, y).toFixed(1)}`).join("L");
  const ticks = ([low, high]) => [0, 0.25, 0.5, 0.75, 1].map(part => low + part * (high - low));

  /** An SVG of axes with what is drawn inside; `log` for decades on the vertical one. */
  function chart(label, x, y, names, drawn, log) {
    const at = (x, y, anchor, text) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
    const decade = value => lab.general(log ? 10 ** value : value, 2);
    return `<svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${label}"><defs><clipPath id="laboratory-clip">
      <rect x="${LEFT}" y="${TOP}" width="${WIDE - LEFT - RIGHT}" height="${HIGH - TOP - BOTTOM}"/></clipPath></defs>
      <g clip-path="url(#laboratory-clip)">${drawn}</g>
      <path class="axis" d="M${LEFT} ${TOP}V${HIGH - BOTTOM}H${WIDE - RIGHT}"/>
      ${ticks(x).map(one => at(X(one, x), HIGH - BOTTOM + 13, "middle", lab.general(one, 3))).join("")}
      ${ticks(y).map(one => at(LEFT - 4, Y(one, y) + 4, "end", decade(one))).join("")}
      ${at((WIDE + LEFT) / 2, HIGH - 5, "middle", names[0])}
      <text transform="translate(10 ${HIGH / 2 - 12}) rotate(-90)" text-anchor="middle">${names[1]}</text></svg>`;
  }
  const line = (kind, points, x, y) => {
    const good = points.filter(one => one.every(Number.isFinite));
    return good.length ? `<path class="${kind}" d="${path(good, x, y)}"/>` : "";
  };
  const dots = (points, x, y) => points.filter(one => one.every(Number.isFinite)).map(([a, b], i) =>
    `<circle class="${i + 1 === Math.round(layer) ? "dot here" : "dot"}" cx="${X(a, x)}" cy="${Y(b, y)}" r="3"/>`).join("");

  function drawPlane() {
    const dark = document.documentElement.dataset.theme === "dark", {chi1, n, high, wide, edge, line: bias} = plane;
    const canvas = make("canvas", {width: n, height: n}), brush = canvas.getContext("2d");
    const pixels = brush.createImageData(n, n), [x, y] = [[0, wide], [0, high]];
    const middle = dark ? [44, 48, 56] : [246, 246, 244];
    chi1.forEach((value, i) => {
      const t = Math.max(-1, Math.min(1, Math.log(value) / Math.log(3))), end = t < 0 ? [40, 110, 190] : [205, 70, 40];
      pixels.data.set([...middle.map((one, k) => one + Math.abs(t) * (end[k] - one)), Number.isNaN(value) ? 0 : 255], 4 * i);
    });
    brush.putImageData(pixels, 0, 0);
    const area = `x="${LEFT}" y="${TOP}" width="${WIDE - LEFT - RIGHT}" height="${HIGH - TOP - BOTTOM}"`;
    inside("plane").firstChild.innerHTML = chart("Phase diagram over sigma_b and sigma_w", x, y, ["σ_b", "σ_w"],
      `<pattern id="laboratory-hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 6L6 0"/>
       </pattern><rect ${area} fill="url(#laboratory-hatch)"/><image ${area} preserveAspectRatio="none"
       href="${canvas.toDataURL()}"/>` + line("edge", Array.from(bias, (b, i) => [b, edge[i]]), x, y));
    host.querySelector("[name=sigma_w]").step = host.querySelector("[name=sigma_b]").step = high / 400;
    place();
  }

  function place() {
    if (!plane) return;
    handle.style.left = `${100 * X(Math.min(state.sigma_b, plane.wide), [0, plane.wide]) / WIDE}%`;
    handle.style.top = `${100 * Y(Math.min(state.sigma_w, plane.high), [0, plane.high]) / HIGH}%`;
  }

  /** As many digits as the error lets stand, eight at most. */
  function digits(value, error) {
    if (Number.isNaN(value)) return "none";
    if (!Number.isFinite(value)) return "∞";
    const most = Math.floor(Math.log10(Math.abs(value) / (2 * error)));
    return error && most < 8 ? most < 1 ? "≈ " + lab.general(value, 1) : lab.general(value, most) : lab.general(value, 8);
  }

  function drawPoint() {
    const {q, chi1, c, deficit, phase, xi_q, xi_c, edge, top, repeller, warnings} = point, rough = point.quick ? 1e-5 : 1e-10;
    const close = deficit ? rough * deficit + 1e-12 / Math.abs(chi1 - 1) : 1e-12, say = lab.general(chi1, 4);
    const words = {ordered: "Order: inputs end up alike", chaotic: "Chaos: near inputs part", critical: "The edge of chaos",
                   none: "No length settles", "not known": "Not known here"}[phase];
    const rows = [["χ₁", digits(chi1, 1e-12 * chi1)], ["edge of chaos at σ_w", digits(edge, 1e-12)],
                  ["length q*", digits(q, 1e-12 * q)], ["correlation c*", digits(c, close)],
                  ["depth scale ξ of q", digits(xi_q, 1e-11 * (xi_q ** 2 + xi_q))],
                  ["depth scale ξ of c", digits(xi_c, rough * (xi_c ** 2 + xi_c))]];
    parts.told.innerHTML = `<p class="phase ${phase.replace(" ", "-")}">${words}</p><table>${rows.map(([name, value]) =>
      `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join("")}</table>${warnings.map(one =>
      `<p class="warning">${one}</p>`).join("")}`;
    handle.setAttribute("aria-valuenow", lab.general(state.sigma_w, 5));
    handle.setAttribute("aria-valuemax", plane ? plane.high : 100);
    handle.setAttribute("aria-valuetext", `sigma_w ${lab.general(state.sigma_w, 4)}, sigma_b ${lab.general(state.sigma_b, 4)}: `
      + `${phase === "none" ? "lengths do not settle" : phase}, chi1 ${say}`);
    const corner = steps => steps.flatMap(([a, b]) => [[a, a], [a, b]]);
    const [x, one] = [[0, top], [0, 1]], diagonal = high => [[0, 0], [high, high]];
    const star = (value, high) => value <= high ? `<circle class="star" cx="${X(value, [0, high])}" cy="${Y(value, [0, high])}" r="5"/>` : "";
    inside("lengths").innerHTML = chart(`Length map; q* ${digits(q, 1e-12 * q)}`, x, x, ["q", "q a layer later"],
      line("same", diagonal(top), x, x) + line("curve", point.lengths, x, x)
      + line("steps", corner(point.lengthSteps), x, x) + star(q, top) + star(repeller, top));
    inside("pairs").innerHTML = chart(`Correlation map; c* ${digits(c, close)}`, one, one, ["c", "c a layer later"],
      line("same", diagonal(1), one, one) + line("curve", point.pairs, one, one)
      + line("steps", corner(point.pairSteps), one, one) + star(c, 1));
  }

  function drawNetwork() {
    const {layers: seen, told} = network, low = Math.min(Math.floor(layer), seen.length), part = layer - low;
    const [a, b] = [seen[low - 1], seen[Math.min(low, seen.length - 1)]], mixed = a.path.map((axis, k) => axis.map((x, i) =>
      x + part * (b.path[k][i] - x)));
    const [p, r] = [[Math.cos(state.turn), Math.sin(state.turn)], [Math.cos(state.tilt), Math.sin(state.tilt)]];
    const at = mixed[0].map((x, i) => {
      const [y, z] = [mixed[1][i], mixed[2][i]], back = p[1] * x + p[0] * z;
      return [p[0] * x - p[1] * z, r[0] * y - r[1] * back, r[1] * y + r[0] * back];
    });
    const far = Math.max(...mixed[0].map((x, i) => Math.hypot(x, mixed[1][i], mixed[2][i])), 1e-12), by = 110 / far;
    const order = at.map((one, i) => i).sort((i, j) => at[i][2] - at[j][2]);
    inside("network").innerHTML = `<svg viewBox="-150 -120 300 240" aria-hidden="true">${order.map(i => {
      const [[x, y, z], [u, v]] = [at[i], at[(i + 1) % at.length]];
      return `<path d="M${(x * by).toFixed(1)} ${(-y * by).toFixed(1)}L${(u * by).toFixed(1)} ${(-v * by).toFixed(1)}"
        style="stroke: hsl(${360 * i / at.length} 75% 50%); stroke-width: ${(3 + 1.5 * z / far).toFixed(1)}"/>`;
    }).join("")}</svg>`;
    parts.network.lastChild.textContent = `The circle at layer ${Math.round(layer)} of ${seen.length}: seed ${state.seed}, `
      + `width ${state.width}. The three components hold ${Math.round(100 * seen[Math.round(layer) - 1].share)} % of its variance; `
      + `drawn ${lab.general(1 / far, 2)} times. Drag to turn.`;
    const x = [1, seen.length], show = (name, part, label) => {
      const of = rows => rows.map((row, i) => [i + 1, Math.log10(row[part])]);
      const all = [...of(seen), ...of(told)].map(one => one[1]).filter(Number.isFinite);
      if (!all.length) { inside(name).innerHTML = "<p class='warning'>φ has a kink: the curvature is infinite</p>"; return; }
      const y = [Math.floor(Math.min(...all) * 2) / 2, Math.ceil(Math.max(...all) * 2 + 0.01) / 2];
      inside(name).innerHTML = chart(`${label}, layer by layer`, x, y, ["layer", label],
        line("curve", of(told).slice(0, seen.length), x, y) + dots(of(seen), x, y), true);
    };
    show("length", "length", "length");
    show("bend", "kappa2", "N κ²");
    layers.max = seen.length;
    layers.value = Math.round(layer);
  }

  function heard({asked, found, error}) {
    if (asked.phi !== state.phi) return;
    fault.textContent = error || "";
    text.setAttribute("aria-invalid", !!error);
    if (error) return;
    if (asked.what === "plane") { plane = found; drawPlane(); return; }
    if (asked.what === "network") { network = found; layer = Math.min(layer, found.layers.length); drawNetwork(); return; }
    point = {...found, quick: asked.quick};
    if (asked.snap) { state.sigma_w = found.w; write(); }
    drawPoint();
    place();
    const q = found.q > 1e-16 ? found.q : 1;
    ask("network", {w: found.w, b: found.b, q, width: state.width, depth: state.depth, seed: state.seed});
  }

  // the state, its address, and what changes it

  function write() {
    for (const input of host.querySelectorAll("input[type=number]")) {
      if (input !== document.activeElement) input.value = +state[input.name].toPrecision(10);
    }
    select.value = lab.NAMES.includes(state.phi) ? state.phi : "";
    formula.hidden = select.value !== "";
    if (text !== document.activeElement && !formula.hidden) text.value = state.phi;
    place();
  }
  const address = () => `#${new URLSearchParams({...state, layer: Math.round(layer), turn: state.turn.toFixed(2), tilt: state.tilt.toFixed(2)})}`;
  let later;
  function change(values, quick) {
    Object.assign(state, values);
    for (const [name, [low, high]] of Object.entries(LIMITS)) state[name] = Math.min(Math.max(state[name], low), high);
    layer = Math.min(layer, state.depth);
    write();
    const outside = plane && (state.sigma_w > plane.high || state.sigma_b > plane.wide);
    ask("point", {quick, snap});
    if ("phi" in values || outside) ask("plane", {n: N});
    if (quick) return;
    clearTimeout(later);
    later = setTimeout(() => history.replaceState(null, "", address()), 300);
  }
  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const told = Object.fromEntries([...given].filter(([name, value]) => name === "phi" || (name in LIMITS && value !== "" && isFinite(value)))
      .map(([name, value]) => [name, name === "phi" ? value : +value]));
    layer = Math.max(1, told.layer || state.layer);
    change({...told, phi: told.phi || state.phi});
  }

  host.addEventListener("change", ({target: {name, value, type}}) => {
    if (name === "named") change({phi: value || FORMULA});
    else if (name === "formula") change({phi: value});
    else if (type === "number" && value !== "") change({[name]: name.startsWith("sigma") ? +value : Math.round(+value)});
  });
  text.addEventListener("input", () => change({phi: text.value}));
  layers.addEventListener("input", () => { go(+layers.value); });

  /** To a layer, gliding where motion is wanted. */
  function go(to, then) {
    cancelAnimationFrame(playing);
    const from = layer, start = performance.now();
    const glide = now => {
      const part = still() ? 1 : Math.min(1, (now - start) / 600);
      layer = from + part * (Math.max(1, Math.min(to, network.layers.length)) - from);
      drawNetwork();
      if (part < 1) { playing = requestAnimationFrame(glide); return; }
      state.layer = layer;
      history.replaceState(null, "", address());
      if (then) then();
    };
    if (network) playing = requestAnimationFrame(glide);
  }
  let timer;
  const play = host.querySelector("[name=play]"), stop = () => { clearTimeout(timer); timer = 0; play.textContent = "play"; };
  const onward = () => {
    if (layer >= network.layers.length) { stop(); return; }
    timer = setTimeout(() => go(Math.floor(layer) + 1, () => timer && onward()), still() ? 1000 : 150);
  };
  const shell = one => `"${one}"`;
  const COPIES = {
    link: () => location.href.split("#")[0] + address(),
    command: () => `python -m lib run your_own_nonlinearity -p formula ${shell(state.phi)} -p sigma_w ${state.sigma_w} -p sigma_b ${state.sigma_b}`,
    python: () => `import lib\n\nlaw = lib.MeanField(sigma_w=${state.sigma_w}, sigma_b=${state.sigma_b}, phi="${state.phi}")\nprint(law)`
      + "\nprint(law.q_star, law.chi1, law.c_star, law.xi_c, law.critical_line())",
  };
  host.addEventListener("click", ({target: {name}}) => {
    if (name in COPIES) {
      copied.textContent = COPIES[name]();
      if (navigator.clipboard) navigator.clipboard.writeText(copied.textContent).catch(() => {});
    }
    if (name === "back") go(Math.ceil(layer) - 1);
    if (name === "step") go(Math.floor(layer) + 1);
    if (name === "play") {
      if (timer) { stop(); return; }
      play.textContent = "stop";
      timer = 1;
      if (layer >= network.layers.length) go(1, onward); else onward();
    }
  });

  // by hand

  const field2 = inside("plane");
  function dragged(event) {
    const box = field2.getBoundingClientRect(), scale = WIDE / box.width;
    const inner = (x, from, size, high) => high * Math.min(1, Math.max(0, (x - from) / size));
    const b = inner((event.clientX - box.left) * scale, LEFT, WIDE - LEFT - RIGHT, plane.wide);
    const w = plane.high - inner((event.clientY - box.top) * scale, TOP, HIGH - TOP - BOTTOM, plane.high);
    const edge = plane.edge[Math.round(b / plane.wide * (plane.edge.length - 1))];
    snap = Math.abs(w - edge) / plane.high * (HIGH - TOP - BOTTOM) / scale < 5;
    const round = value => +(Math.round(value / plane.high * 1000) * plane.high / 1000).toPrecision(6);
    change({sigma_b: round(b), sigma_w: round(w)}, event.type !== "pointerup");
  }
  field2.addEventListener("pointerdown", event => {
    if (!plane || event.button || (event.pointerType !== "mouse" && event.target !== handle)) return;
    field2.setPointerCapture(event.pointerId);
    handle.focus({preventScroll: true});
    event.preventDefault();
    field2.onpointermove = dragged;
    dragged(event);
  });
  field2.addEventListener("pointerup", event => {
    if (plane && (field2.onpointermove || event.pointerType !== "mouse")) dragged(event);
    field2.onpointermove = null;
    snap = false;
  });
  field2.addEventListener("pointercancel", () => { field2.onpointermove = null; snap = false; });
  const ARROWS = {ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0],
                  PageUp: [0, 10], PageDown: [0, -10]};
  handle.addEventListener("keydown", event => {
    const [x, y] = ARROWS[event.key] || [0, 0], by = plane.high / (event.shiftKey ? 20 : 200);
    if (!x && !y) return;
    event.preventDefault();
    change({sigma_b: +(state.sigma_b + x * by).toPrecision(6), sigma_w: +(state.sigma_w + y * by).toPrecision(6)});
  });
  const turned = (x, y) => { state.turn += x; state.tilt = Math.max(-1.5, Math.min(1.5, state.tilt + y)); if (network) drawNetwork(); };
  inside("network").addEventListener("pointermove", event => { if (event.buttons) turned(-event.movementX / 80, event.movementY / 80); });
  inside("network").addEventListener("pointerdown", event => { event.currentTarget.setPointerCapture(event.pointerId); });
  inside("network").addEventListener("keydown", event => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    turned(0.15 * ARROWS[event.key][0], -0.15 * Math.sign(ARROWS[event.key][1]));
  });
  new MutationObserver(() => plane && drawPlane()).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  addEventListener("hashchange", read);
  read();
})();
