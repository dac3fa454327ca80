// @ts-check
/** Draws the figures of a report: each .plot names one of the figures in the page's JSON. */

/** @typedef {{data: object[], layout: {height: number}, config: object}} Figure */

const plotly = /** @type {any} */ (globalThis).Plotly;
const source = document.getElementById("figures");
/** @type {Record<string, Figure>} */
const figures = JSON.parse(source?.textContent || "{}");

/** @type {Set<() => void>} figures that are not drawn yet, for they are folded away */
const waiting = new Set();

for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".plot"))) {
  const figure = figures[place.dataset.figure || ""];
  if (!figure) continue;
  place.style.height = `${figure.layout.height}px`; // a figure that follows its place's width follows its height too
  const draw = () => {
    if (place.closest("details:not([open])") || !waiting.delete(draw)) return;
    plotly.newPlot(place, figure.data, figure.layout, figure.config);
    place.after(savers(place));
  };
  // What is folded has no width yet, and may never be looked at.
  waiting.add(draw);
  for (const fold of around(place)) fold.addEventListener("toggle", draw);
  draw();
}

/** What an element is folded away in, from the innermost.
 * @param {Element | null} place
 */
function* around(place) {
  for (let fold = place?.closest("details"); fold; fold = fold.parentElement?.closest("details")) yield fold;
}

/** Buttons that save a figure as a file; the browser draws it, no server is asked.
 * @param {HTMLElement} place
 */
function savers(place) {
  const row = document.createElement("p");
  row.className = "savers no-print";
  for (const format of ["svg", "png"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet";
    button.textContent = format.toUpperCase();
    button.setAttribute("aria-label", `${format.toUpperCase()}: ${place.dataset.figure}`);
    button.addEventListener("click", () => {
      const { clientWidth: width, clientHeight: height } = place;
      plotly.downloadImage(place, { format, width, height, scale: 2, filename: place.dataset.figure });
    });
    row.append(button);
  }
  return row;
}

/** A drawn figure in its place's width; drawn anew, as plotly leaves the legend where it stood at the width before.
 * @param {HTMLElement} place
 */
function fit(place) {
  if (!place.clientWidth || !place.classList.contains("js-plotly-plot")) return;
  plotly.Plots.resize(place).then(() => plotly.redraw(place));
}

/** @param {ParentNode} within */
const fitAll = (within) => /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll(".plot")).forEach(fit);

let turned = 0;
addEventListener("resize", () => {
  clearTimeout(turned);
  turned = setTimeout(() => fitAll(document), 150);
});

// What is folded away stands on paper, and a figure that was drawn out of sight finds its width when it is unfolded.
const folds = /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details.fold"));
for (const fold of folds) {
  fold.addEventListener("toggle", () => fitAll(fold));
}
// A link to what is folded away unfolds it; not every browser does so by itself.
function unfold() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (const fold of around(place)) fold.open = true;
  place?.scrollIntoView();
}
addEventListener("hashchange", unfold);
if (location.hash) unfold();

// Paper has another width than the screen, which a page learns too late to draw anew: these fit A4 and Letter.
const PAPER = { alone: 680, side: 335 };

/** Every drawn figure, in a width or, without one, in that of its place.
 * @param {{alone: number, side: number} | null} widths
 */
function lay(widths) {
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".js-plotly-plot"))) {
    const width = widths && (place.closest(".charts") ? widths.side : widths.alone);
    place.style.width = width ? `${width}px` : "";
    plotly.relayout(place, { width, autosize: !width });
    plotly.redraw(place); // at once, unlike a resize
  }
}
addEventListener("beforeprint", () => {
  folds.forEach((fold) => { fold.dataset.was = String(fold.open); fold.open = true; });
  waiting.forEach((draw) => draw());
  lay(PAPER);
});
addEventListener("afterprint", () => {
  lay(null);
  folds.forEach((fold) => { fold.open = fold.dataset.was === "true"; });
});
