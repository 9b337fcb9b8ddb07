/**
 * Keeps one scope up to date: runs `pull` when the server says that there is more, and now and then though it says
 * nothing. What `SyncLoop` of live-sync-adapter is in Kotlin, for pages.
 */
const POLL_MS = 60_000;
const FIRST_POLL_MS = 2_000; // where nothing is heard so long after the start, live is taken for down
const JITTER = 0.2; // all tabs of the world are not to look in step after a restart

/** The cursor in what the server tells of a scope; null if it tells none, or one above 2^53 - 1: this engine has none. */
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
  #isPausing = false; // after a pull that failed
  #isFresh = false; // started, and nothing looked by itself yet
  #running = false;
  #abort = null;
  #isPulling = false;
  #skipsPause = false; // somebody knew better while the pull ran that failed

  /**
   * @param cursor says how far this device has come
   * @param pull gets what is new and applies it, until the signal that it is given is aborted. What it throws is shown and tried again
   * @param backoff milliseconds to wait after so many pulls that failed
   * @param changed called with the state whenever that may have changed: `{standing: "live" | "behind" | "offline", why}`
   * @param random from 0 to 1, what the waits are spread by
   */
  constructor({ cursor, pull, backoff, changed, random = Math.random }) {
    this.#cursor = cursor;
    this.#pull = pull;
    this.#changed = changed;
    this.#backoff = backoff;
    this.#random = random;
  }

  get state() {
    const why = this.#failure?.message ?? null;
    if (!this.#running) return { standing: "offline", why: null };
    if (this.#failure) return { standing: this.#subscribed ? "behind" : "offline", why };
    if (this.#isPulling || this.#isBehind) return { standing: "behind", why };
    return { standing: this.#subscribed ? "live" : "offline", why };
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#isFresh = true;
    this.#mustPull = true; // what was typed meanwhile is to be sent, though there may be nothing new
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
    this.#waitNoMore();
    this.#changed(this.state);
  }

  /** The scope is subscribed to, now or again; `cursor` is where it stands, or null where the server does not know. */
  subscribed(cursor) {
    this.#subscribed = true;
    if (cursor === null) this.#mustPull = true;
    this.#skipsPause = true; // the server is there again: no reason to sit out a pause, nor to look soon
    this.#waitNoMore();
    this.#heard(cursor ?? 0);
  }

  /** Nothing is told for now. */
  lost() {
    this.#subscribed = false;
    this.#changed(this.state);
  }

  /** The scope stands at `cursor` at least. A pause lasts all the same: signals may come many times a second. */
  told(cursor) {
    if (cursor !== null) this.#heard(cursor);
  }

  /** Has `pull` run now, or once more after the one that runs. No pause holds it up. */
  pullNow() {
    this.#mustPull = true;
    this.#skipsPause = true;
    this.#waitNoMore();
    this.#step();
  }

  /** The server's log is another one: what it told of before is no aim any more. */
  forget() {
    this.#target = 0;
  }

  get #isBehind() {
    return this.#mustPull || this.#target > this.#cursor();
  }

  #heard(cursor) {
    this.#target = Math.max(this.#target, cursor);
    this.#step();
  }

  /** Pulls if there is reason to, none runs and there is no pause. */
  #step() {
    this.#changed(this.state);
    if (!this.#running || this.#isPulling || this.#isPausing) return;
    if (this.#isBehind) this.#pullOnce(this.#abort.signal);
    else if (this.#timer === null) this.#lookLater();
  }

  async #pullOnce(signal) {
    this.#waitNoMore();
    this.#isPulling = true;
    this.#mustPull = false;
    this.#skipsPause = false;
    this.#changed(this.state);
    const since = this.#cursor();
    const target = this.#target; // what is told of meanwhile is for the next pull
    try {
      await this.#pull(signal);
      if (target > since && this.#cursor() === since) throw new Error(`nothing came after ${since}, though the list is at ${target}`);
      this.#failure = null;
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) this.#failure = error;
      this.#mustPull = true;
    }
    this.#isPulling = false;
    if (this.#failure !== null && this.#running && !this.#skipsPause) this.#pause();
    this.#step();
  }

  #pause() {
    this.#isPausing = true;
    this.#after(this.#backoff(this.#failures++), () => this.#step());
  }

  /** Has it look though nothing was heard. */
  #lookLater() {
    const isSoon = this.#isFresh && !this.#subscribed;
    const delay = isSoon ? FIRST_POLL_MS : POLL_MS;
    this.#after(delay * (1 + JITTER * (2 * this.#random() - 1)), () => {
      this.#isFresh = false;
      this.pullNow();
    });
  }

  #after(delay, action) {
    this.#timer = setTimeout(() => {
      this.#waitNoMore();
      action();
    }, delay);
  }

  #waitNoMore() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#isPausing = false;
  }
}
