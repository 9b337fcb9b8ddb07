/**
 * Keeps one scope up to date: runs `pull` when the server signals a newer cursor, and periodically as a fallback. The
 * JavaScript counterpart of `SyncLoop` in live-sync-adapter.
 */
const POLL_MS = 60_000;
const FIRST_POLL_MS = 2_000; // without a signal for this long after the start, the loop polls
const JITTER = 0.2; // keeps clients from polling at the same time after a restart

/** The cursor in a signal or welcome; null if there is none, or it is above 2^53 - 1, which this engine never uses. */
export function cursorIn(data) {
  const cursor = Number(data?.cursorText ?? data?.cursor);
  return Number.isSafeInteger(cursor) && cursor >= 0 ? cursor : null;
}

export class SyncLoop {
  #cursor;
  #pull;
  #changed;
  #backoff;
  #random;
  #target = 0;
  #mustPull = false;
  #subscribed = false;
  #failures = 0;
  #failure = null;
  #timer = null;
  #isBackingOff = false; // waiting after a failed pull
  #isFresh = false; // started, and not polled yet
  #running = false;
  #abort = null;
  #isPulling = false;
  #skipsBackoff = false; // pullNow() or a subscribe during the pull skips the backoff

  /**
   * @param cursor returns the cursor of this device
   * @param pull `pull(signal)` fetches and applies changes until the signal is aborted. Errors are reported and retried
   * @param backoff `backoff(failures)` returns the milliseconds to wait after failed pulls
   * @param changed called with the state after possible changes: `{phase: "live" | "behind" | "offline", error}`
   * @param random returns a number from 0 to 1 for the jitter
   */
  constructor({ cursor, pull, backoff, changed, random = Math.random }) {
    this.#cursor = cursor;
    this.#pull = pull;
    this.#changed = changed;
    this.#backoff = backoff;
    this.#random = random;
  }

  get state() {
    const error = this.#failure?.message ?? null;
    if (!this.#running) return { phase: "offline", error: null };
    if (this.#failure) return { phase: this.#subscribed ? "behind" : "offline", error };
    if (this.#isPulling || this.#isBehind) return { phase: "behind", error };
    return { phase: this.#subscribed ? "live" : "offline", error };
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#isFresh = true;
    this.#mustPull = true; // sends pending edits, even if the server has no changes
    this.#abort = new AbortController();
    this.#target = 0;
    this.#failures = 0;
    this.#failure = null;
    this.#step();
  }

  stop() {
    this.#running = false;
    this.#subscribed = false;
    this.#abort?.abort();
    this.#clearTimer();
    this.#changed(this.state);
  }

  /** Called on each subscribe. `cursor` is the current cursor of the scope, or null if the server does not know it. */
  subscribed(cursor) {
    this.#subscribed = true;
    if (cursor === null) this.#mustPull = true;
    this.#skipsBackoff = true; // the server is reachable: no backoff or early poll is needed
    this.#clearTimer();
    this.#raiseTarget(cursor ?? 0);
  }

  /** Called when the connection is lost. */
  lost() {
    this.#subscribed = false;
    this.#changed(this.state);
  }

  /** The scope has advanced to `cursor`. Does not skip the backoff: signals can arrive many times per second. */
  advanced(cursor) {
    if (cursor !== null) this.#raiseTarget(cursor);
  }

  /** Pulls now, or once more after a running pull. Skips the backoff. */
  pullNow() {
    this.#mustPull = true;
    this.#skipsBackoff = true;
    this.#clearTimer();
    this.#step();
  }

  /** Discards the target cursor. For a server with a different log. */
  forget() {
    this.#target = 0;
  }

  get #isBehind() {
    return this.#mustPull || this.#target > this.#cursor();
  }

  #raiseTarget(cursor) {
    this.#target = Math.max(this.#target, cursor);
    this.#step();
  }

  /** Starts a pull if one is needed, none is running and no backoff is active. */
  #step() {
    this.#changed(this.state);
    if (!this.#running || this.#isPulling || this.#isBackingOff) return;
    if (this.#isBehind) this.#pullOnce(this.#abort.signal);
    else if (this.#timer === null) this.#schedulePoll();
  }

  async #pullOnce(signal) {
    this.#clearTimer();
    this.#isPulling = true;
    this.#mustPull = false;
    this.#skipsBackoff = false;
    this.#changed(this.state);
    const since = this.#cursor();
    const target = this.#target; // later signals are for the next pull
    try {
      await this.#pull(signal);
      if (target > since && this.#cursor() === since)
        throw new Error(`the pull returned no changes after ${since}, but the list is at ${target}`);
      this.#failure = null;
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) this.#failure = error;
      this.#mustPull = true;
    }
    this.#isPulling = false;
    if (this.#failure !== null && this.#running && !this.#skipsBackoff) this.#backOff();
    this.#step();
  }

  #backOff() {
    this.#isBackingOff = true;
    this.#after(this.#backoff(this.#failures++), () => this.#step());
  }

  /** Schedules the next poll. */
  #schedulePoll() {
    const isFirst = this.#isFresh && !this.#subscribed;
    const delay = isFirst ? FIRST_POLL_MS : POLL_MS;
    this.#after(delay * (1 + JITTER * (2 * this.#random() - 1)), () => {
      this.#isFresh = false;
      this.pullNow();
    });
  }

  #after(delay, action) {
    this.#timer = setTimeout(() => {
      this.#clearTimer();
      action();
    }, delay);
  }

  #clearTimer() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#isBackingOff = false;
  }
}
