/** The values of one metric over the last minute, and where some are missing. No DOM here. */

const KEPT_MS = 65_000; // a little more than is shown, or lines would begin inside the plot
const HOLE_MS = 2_000; // between two values; less is only a late delivery

export class Series {
  /** `{at, value}`, oldest first. */
  points = [];
  /** `{from, to}` between two values: what was measured there is lost. */
  gaps = [];
  #lostAfter = null; // the last value before a loss that was told, until what the server still has is here

  get last() {
    return this.points.at(-1) ?? null;
  }

  /** A value that was measured; one that is here already, or is older than what is, is left aside. */
  add(at, value) {
    if (!Number.isFinite(at) || !Number.isFinite(value) || at <= (this.last?.at ?? 0)) return;
    this.points.push({ at, value });
    this.#markLoss();
    this.#forget(at - KEPT_MS);
  }

  /** Something may be missing between what is here and what comes from now on. */
  lost() {
    this.#lostAfter = this.last?.at ?? null;
  }

  /** All that the server has. New values may have come while it was loaded: what is still missing before them is lost. */
  reload(values) {
    const known = new Set(this.points.map(({ at }) => at));
    this.points.push(...values.filter(({ at }) => !known.has(at)));
    this.points.sort((a, b) => a.at - b.at);
    this.#markLoss();
    this.#lostAfter = null;
    if (this.last !== null) this.#forget(this.last.at - KEPT_MS);
  }

  /** The points that belong together: a line is broken where something is lost. */
  runs() {
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

  /** The value that was measured closest to `at`, or null. */
  nearest(at) {
    let best = null;
    for (const point of this.points) if (best === null || Math.abs(point.at - at) <= Math.abs(best.at - at)) best = point;
    return best;
  }

  #markLoss() {
    const from = this.#lostAfter;
    if (from === null) return;
    this.gaps = this.gaps.filter((gap) => gap.from !== from);
    const next = this.points.find(({ at }) => at > from);
    if (next !== undefined && next.at - from > HOLE_MS) this.gaps.push({ from, to: next.at });
  }

  #forget(before) {
    let outdated = 0;
    while (this.points[outdated].at < before) outdated++;
    if (outdated > 0) this.points.splice(0, outdated);
    this.gaps = this.gaps.filter(({ to }) => to >= before);
  }
}
