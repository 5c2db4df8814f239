"use strict";
// Puts a chart with tooltips in each drawing's place, in the colours that the reader's scheme has now.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const common = document.getElementById("common").textContent;
  const { palette } = JSON.parse(common);
  const show = async (figure) => {
    const still = figure.querySelector("svg");
    const style = getComputedStyle(document.documentElement);
    let text = `[${figure.nextElementSibling.textContent},${common}]`;
    for (const [name, colour] of Object.entries(palette)) {
      text = text.replaceAll(`"${colour}"`, `"${style.getPropertyValue(`--${name}`).trim()}"`);
    }
    const holder = document.createElement("div");
    const options = { renderer: "svg", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" } };
    const [specification, { config }] = JSON.parse(text);
    await vegaEmbed(holder, { ...specification, config }, options);
    const drawn = holder.querySelector("svg");
    for (const { name, value } of still.attributes) {
      if (name !== "width" && name !== "height") drawn.setAttribute(name, value);
    }
    drawn.removeAttribute("width");
    drawn.removeAttribute("height");
    // The chart is one image with one name; Vega gives each of its parts a role, and none of them a name.
    drawn.querySelectorAll("[role]").forEach((part) => part.removeAttribute("role"));
    figure.replaceChildren(holder);
  };
  const showAll = async () => {
    await Promise.all([...document.querySelectorAll("figure")].map(show));
    document.documentElement.dataset.interactive = "yes";
  };
  window.addEventListener("load", showAll);
  dark.addEventListener("change", showAll);
})();
