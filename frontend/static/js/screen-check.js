// @ts-check
/** Measures window, screen rate and playback once its form is sent, then sends it: <screen-check><video><form>. */
export class ScreenCheck extends HTMLElement {
  #undo = new AbortController();

  connectedCallback() {
    this.#undo = new AbortController();
    this.querySelector("form")?.addEventListener("submit", (event) => this.#measure(event), { signal: this.#undo.signal });
  }

  disconnectedCallback() {
    this.#undo.abort();
  }

  /** @param {SubmitEvent} event */
  async #measure(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target), video = /** @type {HTMLVideoElement} */ (this.querySelector("video"));
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
    button.disabled = true;
    const [rate, playback] = await Promise.all([refreshRate(), played(video)]);
    const facts = { width: innerWidth, height: innerHeight, screen_width: screen.width, screen_height: screen.height,
      pixel_ratio: devicePixelRatio, rate, ...playback };
    /** @type {HTMLInputElement} */ (form.elements.namedItem("facts")).value = JSON.stringify(facts);
    form.submit();
  }
}

/** Pictures a second, from the median distance of 60 animation frames. @returns {Promise<number>} */
export function refreshRate(count = 60) {
  /** @type {number[]} */ const times = [];
  return new Promise((done) => {
    const frame = (/** @type {number} */ now) => {
      times.push(now);
      if (times.length <= count) return requestAnimationFrame(frame);
      done(Math.round(10000 / median(times.slice(1).map((time, at) => time - times[at]))) / 10);
    };
    requestAnimationFrame(frame);
  });
}

/** @param {number[]} numbers */
export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/** Frames due and dropped while the clip plays once; all count as dropped when it does not play at all.
 * @param {HTMLVideoElement} video */
async function played(video) {
  const over = new Promise((done) => { video.onended = video.onerror = done; setTimeout(done, 8000); });
  try {
    await video.play();
  } catch {
    return { frames: 1, dropped: 1 };
  }
  await over;
  const quality = video.getVideoPlaybackQuality();
  return { frames: Math.max(1, quality.totalVideoFrames), dropped: quality.droppedVideoFrames };
}

customElements.define("screen-check", ScreenCheck);
