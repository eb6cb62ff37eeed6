/* Sliders get a button that plays them and words for what they show; what scrolls can be scrolled by keys. */
(() => {
  "use strict";
  document.querySelectorAll(".slider").forEach(slider => {
    const knob = slider.querySelector("input"), frames = [...slider.querySelectorAll(".frame")];
    const name = slider.querySelector("label span").textContent, button = document.createElement("button");
    let timer = 0;
    const tell = () => knob.setAttribute("aria-valuetext", `${name} ${frames[knob.value].dataset.value}`);
    const show = to => { knob.value = to; knob.dispatchEvent(new Event("input", {bubbles: true})); };
    function play(on) {
      clearInterval(timer);
      button.textContent = on ? "pause" : "play";
      if (on && knob.value === knob.max) show(0);
      timer = on && setInterval(() => knob.value === knob.max ? play(false) : show(+knob.value + 1), 900);
    }
    Object.assign(button, {type: "button", textContent: "play"});
    button.addEventListener("click", () => play(button.textContent === "play"));
    knob.addEventListener("input", tell);
    knob.addEventListener("pointerdown", () => play(false));
    knob.addEventListener("keydown", () => play(false));
    frames.filter(one => !one.querySelector("img")).forEach(one => {
      one.setAttribute("role", "img");
      one.setAttribute("aria-label", `${slider.getAttribute("aria-label")} ${name} ${one.dataset.value}`);
    });
    slider.prepend(button);
    tell();
  });
  const boxes = ".bd-content :is(pre, .output, figure, .pst-scrollable-table-container, .scorecard, div.math)";
  const reach = () => document.querySelectorAll(boxes).forEach(one => {
    if (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible") one.tabIndex = 0;
  });
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
})();
