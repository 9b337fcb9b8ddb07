/** An error response of the server, or a local failure: `timeout`, `connection_lost`, `not_connected`. */
export class LiveError extends Error {
  static #TRANSIENT = new Set(["rate_limited", "internal", "timeout"]);

  constructor(code, reason, retryAfterMs = null) {
    super(reason || code);
    this.name = "LiveError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether a retry can succeed. */
  get isTransient() {
    return LiveError.#TRANSIENT.has(this.code) || this.retryAfterMs !== null;
  }
}

/** Pending requests: assigns refs and matches responses to them. */
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

  /** Returns a new ref and a promise: resolves to the response message, or rejects with a [LiveError]. */
  open() {
    const ref = String(++this.#count);
    const response = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new LiveError("timeout", "the server did not respond in time"));
      }, this.#timeoutMs);
      this.#waiting.set(ref, { resolve, reject, timer });
    });
    return { ref, response };
  }

  /** Settles the request with the ref of `message`. Returns false if none is pending, such as after a timeout. */
  settle(message) {
    const waiting = this.#waiting.get(message.ref);
    if (!waiting) return false;
    this.#waiting.delete(message.ref);
    clearTimeout(waiting.timer);
    if (message.type === "error") waiting.reject(errorOf(message));
    else waiting.resolve(message);
    return true;
  }

  /** Rejects all pending requests after the connection is lost. */
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
