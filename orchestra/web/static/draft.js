// Keeps the draft of a task saved (W-27, W-28): soon after a change, again after a failure, and
// in the browser itself until the server has it.

import { Refusal } from "./api.js";

const QUIET_MS = 2000; // after the last change
const LONGEST_MS = 10000; // after the first unsaved change
const LONGEST_RETRY_SECONDS = 60;

// Where a draft lies in the browser: whoever signs in there next has others.
export const keyOf = (kind, id) =>
  `orchestra-${kind}-${document.documentElement.dataset.account}-${id}`;

export class Draft {
  #timer;
  #running = null;
  #firstChangeAt = null;
  #retrySeconds = 0;
  #isStopped = false;

  // send(data, revision) resolves to {revision, saved_at}; stored() is called when nothing is
  // unsaved any more, stale(answer) when the server has a newer draft.
  constructor({ key, revision, data, send, announce, stored, stale }) {
    Object.assign(this, { key, revision, data, send, announce, stored, stale });
    this.saved = canonical(data);
  }

  get isDirty() {
    return canonical(this.data) !== this.saved;
  }

  change(data) {
    if (canonical(data) === canonical(this.data)) return; // a field was left, not changed
    this.data = data;
    this.#changed();
  }

  #changed() {
    if (!this.isDirty) {
      this.#forget();
      return;
    }
    this.#remember();
    this.#firstChangeAt ??= Date.now();
    if (this.#retrySeconds || this.#isStopped) return;
    this.announce("Unsaved changes");
    const latest = this.#firstChangeAt + LONGEST_MS - Date.now();
    this.#schedule(Math.max(0, Math.min(QUIET_MS, latest)));
  }

  // Resolves to whether the server has the present data.
  async save() {
    clearTimeout(this.#timer);
    if (this.#isStopped) return false;
    while (this.#running) await this.#running;
    this.#running = this.#store(this.data);
    try {
      return await this.#running;
    } finally {
      this.#running = null;
    }
  }

  // Waits for a save under way and saves no more, so that a submit meets a resting revision.
  async rest() {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    while (this.#running) await this.#running;
  }

  resume() {
    this.#isStopped = false;
    this.#retrySeconds = 0;
    if (this.isDirty) this.#schedule(QUIET_MS);
  }

  // Another window saved, and nothing here is unsaved: go on from there.
  adopt({ data, revision }) {
    Object.assign(this, { data, revision, saved: canonical(data) });
  }

  // The server has everything: nothing is left to keep.
  finish() {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    this.saved = canonical(this.data);
    this.#forget();
  }

  async #store(data) {
    this.announce("Saving …");
    try {
      this.#stored(data, await this.send(data, this.revision));
      return !this.isDirty;
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.#refused(refusal);
      return false;
    }
  }

  #stored(data, answer) {
    this.revision = answer.revision;
    this.saved = canonical(data);
    this.#firstChangeAt = null;
    this.#retrySeconds = 0;
    this.announce(`Saved at ${clock(answer.saved_at)}`);
    if (this.isDirty) {
      this.#changed();
    } else {
      this.#forget();
      this.stored();
    }
  }

  #refused(refusal) {
    if (refusal.kind === "stale_revision") {
      this.#isStopped = true;
      this.announce("Not saved: there is a newer version");
      this.stale(refusal.answer);
    } else if (refusal.isPassing) {
      this.#retrySeconds = Math.min(this.#retrySeconds * 2 || 2, LONGEST_RETRY_SECONDS);
      this.announce(`Could not save, trying again in ${this.#retrySeconds} s`);
      if (!this.#isStopped) this.#schedule(this.#retrySeconds * 1000);
    } else {
      this.announce(`Could not save: ${refusal.message}`);
    }
  }

  #schedule(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  // {data, revision, at} that a crash left behind, or null.
  get leftBehind() {
    return JSON.parse(localStorage.getItem(this.key) ?? "null");
  }

  forgetLeftBehind() {
    this.#forget();
  }

  #remember() {
    const kept = { data: this.data, revision: this.revision, at: new Date().toISOString() };
    try {
      localStorage.setItem(this.key, JSON.stringify(kept));
    } catch (error) {
      // No room in the browser: the server still gets it.
      if (error.name !== "QuotaExceededError") throw error;
    }
  }

  #forget() {
    localStorage.removeItem(this.key);
  }
}

// The same text for the same data: the order of properties says nothing.
export function canonical(value) {
  return JSON.stringify(value, (_key, inner) => {
    const isPlain = inner !== null && typeof inner === "object" && !Array.isArray(inner);
    return isPlain ? Object.fromEntries(Object.entries(inner).sort(byKey)) : inner;
  });
}

const byKey = ([one], [other]) => (one < other ? -1 : 1);

export function clock(moment) {
  const timeZone = document.documentElement.dataset.timeZone || undefined;
  return new Date(moment).toLocaleTimeString("en-GB", { timeZone });
}
