// @ts-check
import { moved, zoomed } from "./sync.js";

const WHOLE = { scale: 1, x: 0, y: 0 };

/** Zoom and shift of all media of a player at once: wheel, two fingers, dragging, double click, and `do` for keys. */
export class Magnifier {
  /** @type {import("./sync.js").View} */ #view = WHOLE;
  #host;
  /** @type {Map<number, {x: number, y: number}>} fingers on one frame, by pointer */ #fingers = new Map();

  /** @param {HTMLElement} host the player @param {HTMLElement} stage what takes the pointers @param {AbortSignal} signal */
  constructor(host, stage, signal) {
    this.#host = host;
    stage.addEventListener("wheel", (event) => {
      const at = place(event);
      if (!at || event.ctrlKey || (event.deltaY > 0 && this.#view.scale === 1)) return; // the page may scroll on
      event.preventDefault();
      this.#show(zoomed(this.#view, event.deltaY < 0 ? 1.15 : 1 / 1.15, at.x, at.y));
    }, { signal, passive: false });
    stage.addEventListener("dblclick", (event) => {
      const at = place(event);
      if (at) this.#show(this.#view.scale > 1 ? WHOLE : zoomed(WHOLE, 2.5, at.x, at.y));
    }, { signal });
    stage.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    stage.addEventListener("pointermove", (event) => this.#move(event), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      stage.addEventListener(end, (event) => this.#fingers.delete(/** @type {PointerEvent} */ (event).pointerId), { signal });
    }
  }

  /** @param {string} name @returns {boolean} whether it was one of the magnifier's */
  do(name) {
    const step = 0.1 * this.#view.scale;
    if (name === "zoom-in") this.#show(zoomed(this.#view, 1.25));
    else if (name === "zoom-out") this.#show(zoomed(this.#view, 0.8));
    else if (name === "zoom-reset") this.#show(WHOLE);
    else if (name === "pan-left") this.#show(moved(this.#view, step, 0));
    else if (name === "pan-right") this.#show(moved(this.#view, -step, 0));
    else if (name === "pan-up") this.#show(moved(this.#view, 0, step));
    else if (name === "pan-down") this.#show(moved(this.#view, 0, -step));
    else return false;
    return true;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const at = place(event);
    if (!at || event.button) return;
    this.#fingers.set(event.pointerId, at);
    if (this.#view.scale === 1 && this.#fingers.size < 2) return;
    event.preventDefault();
    /** @type {Element} */ (event.target).setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const was = this.#fingers.get(event.pointerId), now = place(event);
    if (!was || !now) return;
    const other = [...this.#fingers].find(([pointer]) => pointer !== event.pointerId)?.[1];
    this.#fingers.set(event.pointerId, now);
    if (other) {
      const [before, after] = [was, now].map((finger) => Math.hypot(finger.x - other.x, finger.y - other.y));
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      const grown = before > 0.01 ? zoomed(this.#view, after / before, middle.x, middle.y) : this.#view;
      this.#show(moved(grown, (now.x - was.x) / 2, (now.y - was.y) / 2));
    } else if (this.#view.scale > 1) this.#show(moved(this.#view, now.x - was.x, now.y - was.y));
  }

  /** @param {import("./sync.js").View} view */
  #show(view) {
    this.#view = view;
    this.#host.classList.toggle("zoomed", view.scale > 1);
    for (const media of /** @type {NodeListOf<HTMLElement>} */ (this.#host.querySelectorAll(".side .frame > *"))) {
      media.style.transform = `translate(${view.x * 100}%, ${view.y * 100}%) scale(${view.scale})`;
    }
  }
}

/** Where in its frame a pointer is, in shares from the middle. @param {MouseEvent} event */
function place(event) {
  const box = /** @type {Element} */ (event.target).closest(".side .frame")?.getBoundingClientRect();
  return box && { x: (event.clientX - box.left) / box.width - 0.5, y: (event.clientY - box.top) / box.height - 0.5 };
}
