// @ts-check
import { Watched, correction, drift, moved, nextSpeed, stepped, zoomed } from "./sync.js";

const PATIENCE = 10_000; // milliseconds after which a clip that could play, but not yet to its end, starts anyway

/**
 * Plays two clips as one: both start when both can play through, drift between shown frames is corrected, the shorter
 * waits on its last frame, then both start again. Fires `ready` once and `broken` when a clip cannot be shown.
 * `do(name)` takes what the transport's buttons are called.
 */
export class SideBySide extends HTMLElement {
  #undo = new AbortController();
  /** @type {HTMLVideoElement[]} */ #videos = [];
  #view = { scale: 1, x: 0, y: 0 };
  #speed = 1;
  #loop = true;
  #wanted = false; // whether it should be playing
  #moved = false; // whether the assessor has used the transport
  #plays = 0;
  /** @type {(import("./sync.js").Shown | null)[]} */ #shown = [null, null];
  #watched = [new Watched(), new Watched()];
  #tick = 0;
  #corrected = 0;

  connectedCallback() {
    this.#undo = new AbortController();
    const signal = this.#undo.signal;
    const videos = [...this.querySelectorAll("video")];
    this.#videos = videos.length === 2 ? videos : []; // an image beside a video: the browser's own controls stay
    const transport = this.#part(".transport");
    transport.hidden = false;
    transport.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("button");
      if (button?.dataset.do) this.do(button.dataset.do);
    }, { signal });
    for (const name of ["wheel", "pointerdown"]) {
      this.#part(".stage").addEventListener(name, (event) => this.#point(/** @type {any} */ (event)), { signal, passive: false });
    }
    for (const media of this.querySelectorAll("video, img")) {
      media.addEventListener("error", () => this.dispatchEvent(new CustomEvent("broken", { bubbles: true })), { signal });
      if (media instanceof HTMLVideoElement ? media.error : media instanceof HTMLImageElement && media.complete && !media.naturalWidth) {
        queueMicrotask(() => this.dispatchEvent(new CustomEvent("broken", { bubbles: true })));
      }
    }
    if (!this.#videos.length) {
      for (const button of transport.querySelectorAll("button, input, output")) {
        const still = ["flip", "both", "zoom-in", "zoom-out", "whole"].includes(/** @type {HTMLElement} */ (button).dataset.do ?? "");
        if (!still) /** @type {HTMLElement} */ (button).hidden = true;
      }
    }
    this.#videos.forEach((video, index) => {
      video.controls = false;
      video.muted = true;
      video.addEventListener("ended", () => this.#ended(), { signal });
      this.#watch(video, index);
    });
    this.#scrubber.addEventListener("input", () => {
      this.#pause();
      this.#seek((Number(this.#scrubber.value) / 1000) * this.#duration);
    }, { signal });
    document.addEventListener("visibilitychange", () => {
      // A hidden tab throttles one clip more than the other: begin again together.
      if (document.hidden) this.#videos.forEach((video) => video.pause());
      else if (this.#wanted) this.#together();
    }, { signal });
    this.#start(signal);
  }

  disconnectedCallback() {
    this.#undo.abort();
    cancelAnimationFrame(this.#tick);
    this.#videos.forEach((video) => video.pause());
  }

  /** What was watched, for the ballot. */
  facts() {
    const dropped = this.#videos.map((video) => video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0);
    const still = !this.#videos.length;
    return {
      watched_left: still ? 1 : this.#watched[0].share,
      watched_right: still ? 1 : this.#watched[1].share,
      plays: this.#plays,
      dropped_left: dropped[0] ?? 0,
      dropped_right: dropped[1] ?? 0,
    };
  }

  /** @param {string} name one of the transport's buttons */
  do(name) {
    this.#moved = true;
    if (name === "toggle") this.#wanted ? this.#pause() : this.#play();
    else if (name === "restart") { this.#seek(0); this.#play(); }
    else if (name === "back" || name === "on") this.#step(name === "on" ? 1 : -1);
    else if (name === "speed") this.#setSpeed(nextSpeed(this.#speed));
    else if (name === "loop") this.#press("loop", (this.#loop = !this.#loop));
    else if (name === "flip") this.#flip();
    else if (name === "both") this.#both();
    else if (name === "zoom-in") this.#show(zoomed(this.#view, 1.25));
    else if (name === "zoom-out") this.#show(zoomed(this.#view, 0.8));
    else if (name === "zoom-reset") this.#show({ scale: 1, x: 0, y: 0 });
    else if (name === "whole") document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen?.();
    else throw new RangeError(`the player does not know "${name}"`);
  }

  /** @param {AbortSignal} signal */
  async #start(signal) {
    const readied = this.#videos.map((video) => new Promise((resolve) => {
      if (video.readyState >= 4) resolve(true);
      video.addEventListener("canplaythrough", resolve, { signal, once: true });
      setTimeout(() => video.readyState >= 2 ? resolve(true) : video.addEventListener("canplay", resolve, { signal, once: true }), PATIENCE);
    }));
    await Promise.all(readied);
    if (signal.aborted) return;
    this.dispatchEvent(new CustomEvent("ready", { bubbles: true }));
    if (this.#videos.length && !this.#moved && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.#play();
  }

  /** @param {HTMLVideoElement} video @param {number} index */
  #watch(video, index) {
    const signal = this.#undo.signal;
    if (!video.requestVideoFrameCallback) {
      video.addEventListener("timeupdate", () => this.#saw(video, index, video.currentTime, performance.now()), { signal });
      return;
    }
    /** @param {number} _now @param {VideoFrameCallbackMetadata} frame */
    const seen = (_now, frame) => {
      if (signal.aborted) return;
      this.#saw(video, index, frame.mediaTime, frame.expectedDisplayTime);
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }

  /** @param {HTMLVideoElement} video @param {number} index @param {number} mediaTime @param {number} milliseconds */
  #saw(video, index, mediaTime, milliseconds) {
    if (this.#wanted) this.#watched[index].see(mediaTime, video.duration);
    this.#shown[index] = { mediaTime, shownAt: milliseconds / 1000 };
    const [left, right] = this.#shown;
    const playing = this.#wanted && this.#videos.every((each) => !each.paused && !each.ended && !each.seeking);
    const recent = left && right && Math.abs(left.shownAt - right.shownAt) < 0.25;
    if (!playing || !recent || milliseconds - this.#corrected < 200) return;
    this.#corrected = milliseconds;
    const ahead = drift(left, right, this.#speed);
    this.dataset.drift = (ahead * 1000).toFixed(0);
    const { seek, ...rates } = correction(ahead, 1 / this.#fps, this.#speed);
    this.#videos[0].playbackRate = rates.left;
    this.#videos[1].playbackRate = rates.right;
    if (seek) this.#videos[1].currentTime = Math.min(this.#videos[0].currentTime, this.#videos[1].duration);
  }

  #ended() {
    if (!this.#wanted || !this.#videos.every((video) => video.ended)) return;
    if (!this.#loop) return this.#pause();
    this.#seek(0);
    this.#together();
  }

  #play() {
    if (!this.#videos.length) return;
    if (this.#videos.every((video) => video.ended || video.currentTime >= video.duration - 0.5 / this.#fps)) this.#seek(0);
    this.#wanted = true;
    this.#together();
    this.#draw();
  }

  #pause() {
    this.#wanted = false;
    this.#videos.forEach((video) => video.pause());
    this.#draw();
  }

  /** Start both in one go, once both stand where they should. */
  async #together() {
    this.#plays += 1;
    this.#setSpeed(this.#speed);
    await Promise.all(this.#videos.map((video) => video.seeking && new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true, signal: this.#undo.signal }))));
    if (!this.#wanted || this.#undo.signal.aborted) return;
    const going = this.#videos.filter((video) => video.currentTime < video.duration);
    const results = await Promise.allSettled(going.map((video) => video.play()));
    if (results.some((result) => result.status === "rejected" && result.reason?.name === "NotAllowedError")) this.#pause();
    this.#draw();
  }

  /** @param {number} direction */
  #step(direction) {
    if (!this.#videos.length) return;
    this.#pause();
    const longer = this.#videos.reduce((one, other) => (other.duration > one.duration ? other : one));
    this.#seek(stepped(longer.currentTime, direction, this.#fps, longer.duration));
  }

  /** @param {number} time */
  #seek(time) {
    this.#shown = [null, null];
    // The shorter clip stays on its last frame, as it does while playing.
    for (const video of this.#videos) video.currentTime = Math.min(time, Math.max(0, video.duration - 0.25 / this.#fps) || 0);
    this.#draw();
  }

  /** @param {number} speed */
  #setSpeed(speed) {
    this.#speed = speed;
    this.#videos.forEach((video) => { video.playbackRate = speed; });
    this.#part("[data-speed]").textContent = { 0.25: "¼×", 0.5: "½×" }[speed] ?? "1×";
  }

  #flip() {
    const shown = this.querySelector(".side.shown");
    const next = this.classList.contains("flip") && shown?.matches("[data-side=left]") ? "right" : "left";
    this.classList.add("flip");
    for (const side of this.querySelectorAll(".side")) side.classList.toggle("shown", side.matches(`[data-side=${next}]`));
    this.#part("[data-do=both]").hidden = false;
    this.#press("flip", true);
  }

  #both() {
    this.classList.remove("flip");
    this.#part("[data-do=both]").hidden = true;
    this.#press("flip", false);
  }

  /** @param {WheelEvent | PointerEvent} event */
  #point(event) {
    const frame = /** @type {HTMLElement} */ (event.target).closest(".frame");
    if (!frame) return;
    const box = frame.getBoundingClientRect();
    if (event instanceof WheelEvent) {
      event.preventDefault();
      const x = (event.clientX - box.left) / box.width - 0.5, y = (event.clientY - box.top) / box.height - 0.5;
      this.#show(zoomed(this.#view, event.deltaY < 0 ? 1.15 : 1 / 1.15, x, y));
      return;
    }
    if (this.#view.scale === 1 || event.button) return;
    event.preventDefault();
    const drag = new AbortController();
    const signal = AbortSignal.any ? AbortSignal.any([drag.signal, this.#undo.signal]) : drag.signal;
    addEventListener("pointermove", (move) => this.#show(moved(this.#view, move.movementX / box.width, move.movementY / box.height)), { signal });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => drag.abort(), { signal });
  }

  /** @param {import("./sync.js").View} view */
  #show(view) {
    this.#view = view;
    this.classList.toggle("zoomed", view.scale > 1);
    for (const media of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(".frame > *"))) {
      media.style.transform = `translate(${view.x * 100}%, ${view.y * 100}%) scale(${view.scale})`;
    }
  }

  /** Bring the scrubber, the clock and the play button up to date, and keep them so while playing. */
  #draw() {
    cancelAnimationFrame(this.#tick);
    const time = Math.max(0, ...this.#videos.map((video) => video.currentTime));
    if (document.activeElement !== this.#scrubber || this.#wanted) this.#scrubber.value = String((time / (this.#duration || 1)) * 1000);
    this.#part(".clock").textContent = time.toFixed(2);
    this.#part("[data-play]").textContent = this.#wanted ? "⏸" : "▶";
    if (this.#wanted) this.#tick = requestAnimationFrame(() => this.#draw());
  }

  /** @param {string} name @param {boolean} pressed */
  #press(name, pressed) {
    this.#part(`[data-do=${name}]`).setAttribute("aria-pressed", String(pressed));
  }

  /** @param {string} selector @returns {HTMLElement} */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #scrubber() {
    return /** @type {HTMLInputElement} */ (this.#part(".transport input"));
  }

  get #duration() {
    return Math.max(0, ...this.#videos.map((video) => video.duration || 0));
  }

  get #fps() {
    return Number(this.dataset.fps) || 24;
  }
}

customElements.define("side-by-side", SideBySide);
