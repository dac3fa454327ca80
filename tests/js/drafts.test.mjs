// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts } from "../../frontend/static/js/drafts.js";

class Memory extends Map {
  get length() { return this.size; }
  key(index) { return [...this.keys()][index] ?? null; }
  getItem(name) { return this.get(name) ?? null; }
  setItem(name, value) { this.set(name, value); }
  removeItem(name) { this.delete(name); }
}

test("choices made are found again on the same pair, and on no other", () => {
  const storage = /** @type {any} */ (new Memory());
  new Drafts(storage).keep("a", { "choice-beauty": "left" });
  const later = new Drafts(storage);
  assert.deepEqual(later.of("a"), { "choice-beauty": "left" });
  assert.deepEqual(later.of("b"), {});
  later.drop("a");
  assert.deepEqual(later.of("a"), {});
});

test("old and damaged drafts are let go, and nothing else is touched", () => {
  const storage = /** @type {any} */ (new Memory([
    ["visavis:draft:old", JSON.stringify({ at: Date.now() - 25 * 3600 * 1000, choices: {} })],
    ["visavis:draft:torn", "{"], ["visavis:draft:null", "null"], ["visavis:answer:x", "{}"], ["other", "1"],
    ["visavis:draft:new", JSON.stringify({ at: Date.now(), choices: { q: "same" } })],
  ]));
  assert.deepEqual(new Drafts(storage).of("new"), { q: "same" });
  assert.deepEqual([...storage.keys()], ["visavis:answer:x", "other", "visavis:draft:new"]);
});
