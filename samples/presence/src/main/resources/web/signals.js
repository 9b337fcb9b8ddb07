/** What people do at the moment. It is shown for a few seconds, for whoever loses the connection cannot say that it is over. */
export const SHOWN_MS = { typing: 4_000, wave: 3_000 };

/** While somebody types, this often it is said again: well within the time that it is shown. */
export const AGAIN_MS = 2_000;

export class Signals {
  #shown = new Map(); // name -> { kind, until }

  /** Takes note of a signal; kinds of a later version are left aside. */
  note({ kind, from }, now) {
    if (kind === "idle") this.#shown.delete(from);
    else if (Object.hasOwn(SHOWN_MS, kind)) this.#shown.set(from, { kind, until: now + SHOWN_MS[kind] });
  }

  /** What `name` does, or null. */
  of(name, now) {
    const shown = this.#shown.get(name);
    if (shown === undefined || shown.until <= now) return null;
    return shown.kind;
  }

  /** Forgets what is over; when the next one will be, or null. */
  expire(now) {
    for (const [name, { until }] of this.#shown) if (until <= now) this.#shown.delete(name);
    if (this.#shown.size === 0) return null;
    return Math.min(...[...this.#shown.values()].map(({ until }) => until));
  }

  clear() {
    this.#shown.clear();
  }
}
