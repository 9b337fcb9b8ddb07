/** Transient signals such as typing. They expire after a few seconds, because a disconnected user cannot end them. */
export const SHOWN_MS = { typing: 4_000, wave: 3_000 };

/** Repeat interval of the typing signal, shorter than its display time. */
export const REPEAT_MS = 2_000;

export class Signals {
  #shown = new Map(); // name -> { kind, until }

  /** Stores a signal. Ignores unknown kinds of newer versions. */
  note({ kind, from }, now) {
    if (kind === "idle") this.#shown.delete(from);
    else if (Object.hasOwn(SHOWN_MS, kind)) this.#shown.set(from, { kind, until: now + SHOWN_MS[kind] });
  }

  /** The current signal of `name`, or null. */
  of(name, now) {
    const shown = this.#shown.get(name);
    if (shown === undefined || shown.until <= now) return null;
    return shown.kind;
  }

  /** Removes expired signals. Returns the time of the next expiry, or null. */
  expire(now) {
    for (const [name, { until }] of this.#shown) if (until <= now) this.#shown.delete(name);
    if (this.#shown.size === 0) return null;
    return Math.min(...[...this.#shown.values()].map(({ until }) => until));
  }

  clear() {
    this.#shown.clear();
  }
}
