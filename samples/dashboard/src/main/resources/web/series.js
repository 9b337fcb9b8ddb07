/** The values of one metric over the last minute, and its gaps. No DOM access. */

const KEPT_MS = 65_000; // longer than the plot, so that lines start at its edge
const MIN_GAP_MS = 2_000; // minimum length of a gap; shorter ones are late deliveries

export class Series {
  /** `{at, value}`, oldest first. */
  points = [];
  /** `{from, to}`: the values between these times are lost. */
  gaps = [];
  #lostAfter = null; // time of the last value before a reported gap, until the history is loaded

  get last() {
    return this.points.at(-1) ?? null;
  }

  /** Adds a value. Ignores duplicates and values older than the newest one. */
  add(at, value) {
    if (!Number.isFinite(at) || !Number.isFinite(value) || at <= (this.last?.at ?? 0)) return;
    this.points.push({ at, value });
    this.#markLoss();
    this.#forget(at - KEPT_MS);
  }

  /** Called on a gap: values between the newest one and the next may be missing. */
  lost() {
    this.#lostAfter = this.last?.at ?? null;
  }

  /** Merges the history of the server. Values that are still missing before newer ones are lost. */
  reload(values) {
    const known = new Set(this.points.map(({ at }) => at));
    this.points.push(...values.filter(({ at }) => !known.has(at)));
    this.points.sort((a, b) => a.at - b.at);
    this.#markLoss();
    this.#lostAfter = null;
    if (this.last !== null) this.#forget(this.last.at - KEPT_MS);
  }

  /** Groups of connected points: the line is interrupted at gaps. */
  segments() {
    const runs = [];
    let rest = this.points;
    for (const { to } of this.gaps) {
      const index = rest.findIndex(({ at }) => at >= to);
      if (index < 0) break;
      if (index > 0) runs.push(rest.slice(0, index));
      rest = rest.slice(index);
    }
    if (rest.length > 0) runs.push(rest);
    return runs;
  }

  /** The value closest in time to `at`, or null. */
  nearest(at) {
    let best = null;
    for (const point of this.points)
      if (best === null || Math.abs(point.at - at) <= Math.abs(best.at - at)) best = point;
    return best;
  }

  #markLoss() {
    const from = this.#lostAfter;
    if (from === null) return;
    this.gaps = this.gaps.filter((gap) => gap.from !== from);
    const next = this.points.find(({ at }) => at > from);
    if (next !== undefined && next.at - from > MIN_GAP_MS) this.gaps.push({ from, to: next.at });
  }

  #forget(before) {
    let outdated = 0;
    while (this.points[outdated].at < before) outdated++;
    if (outdated > 0) this.points.splice(0, outdated);
    this.gaps = this.gaps.filter(({ to }) => to >= before);
  }
}
