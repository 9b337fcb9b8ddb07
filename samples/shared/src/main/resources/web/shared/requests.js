/** What the server answered with an `error`, or why there was no answer: `timeout`, `connection_lost`, `not_connected`. */
export class LiveError extends Error {
  static #PASSING = new Set(["rate_limited", "internal", "timeout"]);

  constructor(code, reason, retryAfterMs = null) {
    super(reason || code);
    this.name = "LiveError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same may be asked again later; otherwise it is the server's last word. */
  get isPassing() {
    return LiveError.#PASSING.has(this.code) || this.retryAfterMs !== null;
  }
}

/**
 * Requests that wait for their answer: gives out refs and matches what comes back to them.
 */
export class Requests {
  #waiting = new Map();
  #count = 0;
  #timeoutMs;

  constructor(timeoutMs = 10_000) {
    this.#timeoutMs = timeoutMs;
  }

  get size() {
    return this.#waiting.size;
  }

  /** A new ref, and the promise of its answer: the `ack`'s message, or a rejection with a [LiveError]. */
  open() {
    const ref = String(++this.#count);
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new LiveError("timeout", "the server did not answer in time"));
      }, this.#timeoutMs);
      this.#waiting.set(ref, { resolve, reject, timer });
    });
    return { ref, answer };
  }

  /** Settles the request that `message` answers. False if none waits for it: it was not ours, or came too late. */
  settle(message) {
    const waiting = this.#waiting.get(message.ref);
    if (!waiting) return false;
    this.#waiting.delete(message.ref);
    clearTimeout(waiting.timer);
    if (message.type === "error") waiting.reject(errorOf(message));
    else waiting.resolve(message);
    return true;
  }

  /** The connection is gone: nobody will answer any more. */
  failAll(error) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of all) {
      clearTimeout(timer);
      reject(error);
    }
  }
}

/** The [LiveError] in the data of an `error` message. */
export function errorOf({ data }) {
  return new LiveError(data?.code ?? "internal", data?.reason ?? "", data?.retryAfterMs ?? null);
}
