// @ts-check
/** Choices made on a pair and not sent yet, kept in the browser: a closed tab or a reload loses none. */

const PREFIX = "visavis:draft:";
const KEPT = 24 * 3600 * 1000; // milliseconds; a pair's lease is shorter

export class Drafts {
  #storage;

  /** Lets go of old ones. @param {Storage} storage */
  constructor(storage) {
    this.#storage = storage;
    const names = Array.from({ length: storage.length }, (_, index) => storage.key(index));
    for (const name of names) {
      if (name?.startsWith(PREFIX) && !(Date.now() - this.#read(name).at < KEPT)) storage.removeItem(name);
    }
  }

  /** @param {string} code of the pair's assignment @param {Record<string, string>} choices by field name */
  keep(code, choices) {
    this.#storage.setItem(PREFIX + code, JSON.stringify({ at: Date.now(), choices }));
  }

  /** @param {string} code @returns {Record<string, string>} */
  of(code) {
    return this.#read(PREFIX + code).choices ?? {};
  }

  /** @param {string} code */
  drop(code) {
    this.#storage.removeItem(PREFIX + code);
  }

  /** @param {string} name */
  #read(name) {
    try {
      return JSON.parse(this.#storage.getItem(name) ?? "{}") ?? {};
    } catch {
      return {}; // damaged: as if it were not there
    }
  }
}
