/** A subscription to one topic and its position in the topic's history. Survives reconnects. */
export class Subscription {
  /** Whether the server has confirmed it on the current connection. */
  subscribed = false;
  #params;
  #position;
  #wasSubscribed;

  /**
   * @param since a position in the topic's history, `{epoch, offset}`, or null
   * @param params application data for the `subscribe`, or undefined
   */
  constructor(since, params) {
    this.#position = since === null ? null : { ...since };
    this.#wasSubscribed = since !== null;
    this.#params = params;
  }

  /** The data of the `subscribe` message. */
  get data() {
    if (this.#position === null && this.#params === undefined) return undefined;
    return { since: this.#position ?? undefined, params: this.#params };
  }

  /**
   * Handles the data of an `ack`, or of a `subscribe` from the server. Returns the recovery result and the number of
   * replayed messages that follow.
   */
  accept({ epoch, offset, recovered } = {}) {
    const recovery = recovered ? "recovered" : this.#wasSubscribed ? "gap" : "first";
    const missed = recovered ? offset - this.#position.offset : 0;
    // After a recovery the replayed messages follow, so the old position stays.
    // The epoch may be a new one that continues the old one.
    if (recovered) this.#position.epoch = epoch;
    else this.#position = epoch ? { epoch, offset } : null;
    this.subscribed = true;
    this.#wasSubscribed = true;
    return { recovery, missed };
  }

  /** Whether the message at `offset` was not received before. Advances the position. */
  isNew(offset) {
    if (!this.subscribed) return false;
    if (this.#position === null || !Number.isSafeInteger(offset)) return true;
    if (offset <= this.#position.offset) return false;
    this.#position.offset = offset;
    return true;
  }
}
