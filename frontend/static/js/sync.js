// @ts-check
/** The arithmetic of playing two clips as one. Pure: times in seconds in, decisions out. */

/** @typedef {{mediaTime: number, shownAt: number}} Shown a frame's time in its clip, and when it came on the screen */

/**
 * How far the right clip is ahead of the left, both as of one moment.
 * @param {Shown} left @param {Shown} right @param {number} speed
 */
export function drift(left, right, speed) {
  return right.mediaTime - left.mediaTime - (right.shownAt - left.shownAt) * speed;
}

/**
 * What to do about a drift: nothing within half a frame, bend both speeds a little (each by half, so that neither clip
 * is treated worse), or seek when bending would take too long.
 * @param {number} ahead the right clip's lead @param {number} frame seconds per frame @param {number} speed
 * @returns {{left: number, right: number, seek: boolean}} playback rates, and whether to seek the right to the left
 */
export function correction(ahead, frame, speed) {
  if (!Number.isFinite(ahead) || Math.abs(ahead) <= frame / 2) return { left: speed, right: speed, seek: false };
  if (Math.abs(ahead) > Math.max(0.3, 6 * frame)) return { left: speed, right: speed, seek: true };
  const bend = Math.max(-0.05, Math.min(0.05, ahead / 2));
  return { left: speed * (1 + bend), right: speed * (1 - bend), seek: false };
}

/**
 * The time of the neighbouring frame: its middle, so that rounding never shows the frame beside it.
 * @param {number} time @param {number} direction 1 or -1 @param {number} fps @param {number} duration
 */
export function stepped(time, direction, fps, duration) {
  const last = Math.max(0, Math.ceil(duration * fps - 1e-6) - 1);
  const frame = Math.min(last, Math.max(0, Math.floor(time * fps + 1e-6) + direction));
  return (frame + 0.5) / fps;
}

/** @param {number} speed */
export function nextSpeed(speed) {
  return { 1: 0.5, 0.5: 0.25 }[speed] ?? 1;
}

/** Which parts of a clip were shown: twenty buckets, so that a share needs no list of frames. */
export class Watched {
  #seen = new Set();
  /** @param {number} time @param {number} duration */
  see(time, duration) {
    if (duration > 0) this.#seen.add(Math.min(19, Math.max(0, Math.floor((time / duration) * 20))));
  }
  get share() {
    return this.#seen.size / 20;
  }
}

/** @typedef {{scale: number, x: number, y: number}} View magnification, and shift in shares of the frame's size */

/**
 * The view after zooming by a factor around a point (shares from the middle), never showing beyond the frame.
 * @param {View} view @param {number} factor @param {number} x @param {number} y @returns {View}
 */
export function zoomed(view, factor, x = 0, y = 0) {
  const scale = Math.min(8, Math.max(1, view.scale * factor));
  const grown = scale / view.scale;
  return within({ scale, x: x - (x - view.x) * grown, y: y - (y - view.y) * grown });
}

/** @param {View} view @param {number} x @param {number} y @returns {View} */
export function moved(view, x, y) {
  return within({ scale: view.scale, x: view.x + x, y: view.y + y });
}

/** @param {View} view @returns {View} */
function within({ scale, x, y }) {
  const most = (scale - 1) / 2;
  const shift = (/** @type {number} */ share) => Math.min(most, Math.max(-most, share)) || 0;
  return { scale, x: shift(x), y: shift(y) };
}
