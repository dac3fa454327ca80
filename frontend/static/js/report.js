// @ts-check
/** Draws the figures of a report: each .plot names one of the figures in the page's JSON. */

/** @typedef {{data: object[], layout: object, config: object}} Figure */

const plotly = /** @type {any} */ (globalThis).Plotly;
const source = document.getElementById("figures");
/** @type {Record<string, Figure>} */
const figures = JSON.parse(source?.textContent || "{}");

for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".plot"))) {
  const figure = figures[place.dataset.figure || ""];
  if (figure) plotly.newPlot(place, figure.data, figure.layout, figure.config);
}

// Paper has another width than the screen.
for (const moment of ["beforeprint", "afterprint"]) {
  addEventListener(moment, () => document.querySelectorAll(".plot").forEach((place) => plotly.Plots.resize(place)));
}
