/**
 * A small client of the live protocol for browsers: JSON codec, topics, requests, reconnecting, and recovery from the
 * topics' histories. See docs/protocol.md.
 *
 * It keeps no outbox. What is published without a connection fails at once, and what a lost connection left
 * unanswered fails with `connection_lost`, because only the application can tell whether sending twice does harm.
 */
import { delayBefore } from "./reconnect.js";
import { LiveError, Requests, errorOf } from "./requests.js";
import { Subscription } from "./subscription.js";
import { decode, subprotocols } from "./wire.js";

const CONNECT_TIMEOUT_MS = 10_000;
const QUIET_MS = 20_000; // after this long without a word the client asks
const PONG_WITHIN_MS = 10_000; // and this long the server may take to answer
const STEADY_MS = 5_000; // a connection that held this long starts the backoff anew
const REJOIN_MS = 1_000;
const CUT_SHORT = 1006; // what a browser reports for every connection that ends without a word

export class LiveClient {
  #url;
  #handlers;
  #protocols;
  #WebSocket;
  #random;
  #requests = new Requests();
  #topics = new Map(); // topic -> Subscription
  #socket = null;
  #state = { kind: "stopped", code: null, reason: "" };
  #attempt = 0;
  #window = null;
  #connectTimer;
  #retryTimer;
  #steadyTimer;
  #heartbeatTimer;
  #lastHeard = 0;

  /**
   * @param handlers each one optional:
   *   `state(state)`: `{kind: "connecting"}`, `{kind: "connected"}`, `{kind: "waiting", retryAt, lostAt}` or
   *   `{kind: "stopped", code, reason}`, times in milliseconds since the epoch;
   *   `joined(topic, recovery, missed, welcome)`: `"first"`, `"recovered"` (so many messages that were missed follow) or
   *   `"gap"` (some may be missing), and what the topic says in its ack;
   *   `message(topic, data)`, `presence(topic, data)`, `refused(topic, error)`;
   *   `typed(topic, type, data)`, `direct(type, data)`: a message of the application's own types, of a topic or of none.
   * @param token a bearer token for the upgrade, or null
   */
  constructor(url, handlers, { token = null, WebSocket = globalThis.WebSocket, random = Math.random } = {}) {
    this.#url = url;
    this.#handlers = handlers;
    this.#protocols = subprotocols(token);
    this.#WebSocket = WebSocket;
    this.#random = random;
  }

  get state() {
    return this.#state;
  }

  /** Connects at once: the first time, from a waiting state ("try now"), or after the server had ended the session. */
  connect() {
    if (this.#state.kind === "connecting" || this.#state.kind === "connected") return;
    clearTimeout(this.#retryTimer);
    this.#window = null;
    this.#open();
  }

  /** Says goodbye and stays away. */
  stop() {
    clearTimeout(this.#retryTimer);
    const socket = this.#letGo(new LiveError("connection_lost", "the connection was closed"));
    socket?.close(1000);
    this.#become({ kind: "stopped", code: 1000, reason: "" });
  }

  /**
   * Wants `topic` from now on, over every connection to come.
   *
   * @param since a position in the topic's history, `{epoch, offset}`: what came after it is to come first
   * @param params what the application tells the server with each `subscribe`
   */
  subscribe(topic, { since = null, params = undefined } = {}) {
    if (this.#topics.has(topic)) return;
    this.#topics.set(topic, new Subscription(since, params));
    if (this.#state.kind === "connected") this.#join(topic);
  }

  unsubscribe(topic) {
    if (!this.#topics.delete(topic) || this.#state.kind !== "connected") return;
    this.#request({ type: "unsubscribe", topic }).catch(() => {}); // the answer changes nothing for us
  }

  /** Whether the server has confirmed the subscription on the present connection. */
  isJoined(topic) {
    return this.#topics.get(topic)?.joined ?? false;
  }

  /** Resolves when the server has carried it out; rejects with a [LiveError]. */
  async publish(topic, data) {
    if (!this.isJoined(topic)) throw new LiveError("not_connected", "there is no connection");
    await this.#request({ type: "publish", topic, data });
  }

  /** Asks the server; resolves to the data of its reply, or rejects with a [LiveError]. */
  async request(type, data) {
    if (this.#state.kind !== "connected") throw new LiveError("not_connected", "there is no connection");
    return (await this.#request({ type, data })).data;
  }

  #open() {
    this.#become({ kind: "connecting" });
    const socket = new this.#WebSocket(this.#url, this.#protocols);
    this.#socket = socket;
    this.#connectTimer = setTimeout(() => this.#abandon(Date.now()), CONNECT_TIMEOUT_MS);
    socket.onopen = () => socket === this.#socket && this.#opened(); // the one before may still have events under way
    socket.onmessage = (event) => socket === this.#socket && this.#heard(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code, event.reason, Date.now());
  }

  #opened() {
    clearTimeout(this.#connectTimer);
    this.#lastHeard = Date.now();
    this.#window = null;
    this.#steadyTimer = setTimeout(() => (this.#attempt = 0), STEADY_MS);
    this.#listenForSilence();
    const wanted = [...this.#topics.keys()]; // taken before the application hears of it: it may subscribe to more
    this.#become({ kind: "connected" });
    for (const topic of wanted) this.#join(topic);
  }

  #heard(text) {
    this.#lastHeard = Date.now();
    const message = decode(text);
    if (!message) return;
    switch (message.type) {
      case "ack":
      case "reply":
        this.#requests.settle(message);
        break;
      case "error":
        // Without a ref it answers nothing we asked, so nobody but the developer can use it.
        if (!this.#requests.settle(message)) console.warn("live:", errorOf(message).code, errorOf(message).message);
        break;
      case "message":
        if (this.#topics.get(message.topic)?.isNew(message.offset)) this.#handlers.message?.(message.topic, message.data);
        break;
      case "presence":
        if (this.isJoined(message.topic)) this.#handlers.presence?.(message.topic, message.data ?? {});
        break;
      case "ping":
        this.#send({ type: "pong", ref: message.ref });
        break;
      case "goodbye":
        this.#window = message.data?.reconnectInMs ?? null;
        break;
      case "unsubscribe":
        this.#takenOut(message.topic);
        break;
      default:
        // This client answers no questions of the server's, and says so rather than let it wait.
        if (message.ref?.startsWith?.("$")) this.#send({ type: "error", ref: message.ref, data: { code: "unknown_type", reason: "no handler" } });
        else if (!message.topic) this.#handlers.direct?.(message.type, message.data);
        else if (this.isJoined(message.topic)) this.#handlers.typed?.(message.topic, message.type, message.data);
    }
  }

  /** The server has ended the subscription; it is asked for again only on the next connection. */
  #takenOut(topic) {
    if (!this.isJoined(topic)) return;
    this.#topics.get(topic).joined = false;
    this.#handlers.refused?.(topic, new LiveError("not_subscribed", "the server took this client out"));
  }

  #closed(code, reason, lostAt) {
    this.#letGo(new LiveError("connection_lost", "the connection was lost before the server answered"));
    const delay = delayBefore({ code, attempt: this.#attempt, window: this.#window, random: this.#random });
    this.#window = null;
    if (delay === null) return this.#become({ kind: "stopped", code, reason });
    this.#attempt++;
    this.#retryTimer = setTimeout(() => this.#open(), delay);
    this.#become({ kind: "waiting", retryAt: Date.now() + delay, lostAt });
  }

  /** Gives up on a socket that does not answer. Its own close event would wait for the network, perhaps for minutes. */
  #abandon(lostAt) {
    const socket = this.#socket;
    this.#closed(CUT_SHORT, "", lostAt);
    socket.close();
  }

  #letGo(error) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#steadyTimer);
    clearTimeout(this.#heartbeatTimer);
    for (const topic of this.#topics.values()) topic.joined = false;
    this.#requests.failAll(error);
    return socket;
  }

  #listenForSilence() {
    this.#heartbeatTimer = setTimeout(() => {
      if (Date.now() - this.#lastHeard < QUIET_MS) return this.#listenForSilence();
      const askedAt = Date.now();
      this.#send({ type: "ping", ref: "heartbeat" });
      // A laptop that slept must be given the time to hear the answer before the connection is called dead.
      this.#heartbeatTimer = setTimeout(() => {
        if (this.#lastHeard < askedAt) this.#abandon(this.#lastHeard);
        else this.#listenForSilence();
      }, PONG_WITHIN_MS);
    }, QUIET_MS / 4);
  }

  async #join(topic) {
    const wanted = this.#topics.get(topic);
    try {
      const ack = await this.#request({ type: "subscribe", topic, data: wanted.data });
      if (this.#topics.get(topic) !== wanted) return; // left meanwhile
      const { recovery, missed } = wanted.accept(ack.data);
      this.#handlers.joined?.(topic, recovery, missed, ack.data?.welcome);
    } catch (error) {
      if (this.#topics.get(topic) !== wanted || error.code === "connection_lost") return;
      if (error.isPassing) this.#joinLater(topic, wanted, error.retryAfterMs);
      else this.#handlers.refused?.(topic, error);
    }
  }

  #joinLater(topic, wanted, delay) {
    const socket = this.#socket;
    setTimeout(() => {
      if (socket === this.#socket && this.#topics.get(topic) === wanted) this.#join(topic);
    }, delay ?? REJOIN_MS);
  }

  #request(message) {
    const { ref, answer } = this.#requests.open();
    this.#send({ ...message, ref });
    return answer;
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #become(state) {
    this.#state = state;
    this.#handlers.state?.(state);
  }
}
