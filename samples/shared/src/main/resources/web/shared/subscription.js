/** One topic that the application wants, and its place in the topic's history. Survives connections. */
export class Subscription {
  /** Whether the server has confirmed it on the present connection. */
  joined = false;
  #params;
  #position;
  #wasJoined;

  /**
   * @param since a position in the topic's history, `{epoch, offset}`, or null
   * @param params what the application tells the server, or undefined
   */
  constructor(since, params) {
    this.#position = since === null ? null : { ...since };
    this.#wasJoined = since !== null;
    this.#params = params;
  }

  /** The data of its `subscribe`. */
  get data() {
    if (this.#position === null && this.#params === undefined) return undefined;
    return { since: this.#position ?? undefined, params: this.#params };
  }

  /** Takes the data of the `ack`; what became of what was missed, and how many messages of that follow. */
  accept({ epoch, offset, recovered } = {}) {
    const recovery = recovered ? "recovered" : this.#wasJoined ? "gap" : "first";
    const missed = recovered ? offset - this.#position.offset : 0;
    // What was recovered is still to come, and counts from the old place.
    if (!recovered) this.#position = epoch ? { epoch, offset } : null;
    this.joined = true;
    this.#wasJoined = true;
    return { recovery, missed };
  }

  /** Whether the message at `offset` is not here already; takes note of its place. */
  isNew(offset) {
    if (!this.joined) return false;
    if (this.#position === null || !Number.isSafeInteger(offset)) return true;
    if (offset <= this.#position.offset) return false;
    this.#position.offset = offset;
    return true;
  }
}
