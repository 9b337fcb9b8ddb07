/**
 * A small client of the live protocol for browsers: JSON codec, topics, requests, reconnecting, and recovery from the
 * topics' histories. See docs/protocol.md.
 *
 * It has no outbox. Publishing without a connection fails immediately. Requests that are pending when the connection is
 * lost fail with `connection_lost`, because only the application knows whether sending them twice is harmless.
 */
import { delayBefore } from "./reconnect.js";
import { LiveError, Requests, errorOf } from "./requests.js";
import { Subscription } from "./subscription.js";
import { decode, subprotocols } from "./wire.js";

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_MS = 20_000; // without a received frame for this long, the client pings
const PONG_TIMEOUT_MS = 10_000; // time for the server to reply to the ping
const STABLE_MS = 5_000; // a connection open for this long resets the backoff
const RESUBSCRIBE_MS = 1_000;
const ABNORMAL_CLOSURE = 1006; // reported by browsers for a connection without a close frame

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
  #stableTimer;
  #heartbeatTimer;
  #lastReceivedAt = 0;

  /**
   * @param handlers all optional:
   *   `state(state)`: `{kind: "connecting"}`, `{kind: "connected"}`, `{kind: "waiting", retryAt, lostAt}` or
   *   `{kind: "stopped", code, reason}`, times in milliseconds since the epoch;
   *   `subscribed(topic, recovery, missed, welcome)`: `"first"`, `"recovered"` (`missed` replayed messages follow)
   *   or `"gap"` (messages may be missing, also while connected), and the welcome data of the ack;
   *   `message(topic, data)`, `presence(topic, data)`, `rejected(topic, error)`;
   *   `customMessage(topic, type, data)`, `direct(type, data)`: application-defined message types, with and without a
   *   topic.
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

  /** Connects immediately: initially, instead of waiting for the next retry, or after the server closed the session. */
  connect() {
    if (this.#state.kind === "connecting" || this.#state.kind === "connected") return;
    clearTimeout(this.#retryTimer);
    this.#window = null;
    this.#open();
  }

  /** Closes the connection without reconnecting. */
  stop() {
    clearTimeout(this.#retryTimer);
    const socket = this.#releaseSocket(new LiveError("connection_lost", "the connection was closed"));
    socket?.close(1000);
    this.#setState({ kind: "stopped", code: 1000, reason: "" });
  }

  /**
   * Subscribes to `topic`, on this and every later connection.
   *
   * @param since a position in the topic's history, `{epoch, offset}`: later messages are replayed first
   * @param params application data that is sent with each `subscribe`
   */
  subscribe(topic, { since = null, params = undefined } = {}) {
    if (this.#topics.has(topic)) return;
    this.#topics.set(topic, new Subscription(since, params));
    if (this.#state.kind === "connected") this.#sendSubscribe(topic);
  }

  unsubscribe(topic) {
    if (!this.#topics.delete(topic) || this.#state.kind !== "connected") return;
    this.#request({ type: "unsubscribe", topic }).catch(() => {}); // the response has no effect here
  }

  /** Whether the server has confirmed the subscription on the current connection. */
  isSubscribed(topic) {
    return this.#topics.get(topic)?.subscribed ?? false;
  }

  /** Resolves when the server has acknowledged the message; rejects with a [LiveError]. */
  async publish(topic, data) {
    if (!this.isSubscribed(topic)) throw new LiveError("not_connected", "not connected");
    await this.#request({ type: "publish", topic, data });
  }

  /** Sends a request; resolves to the data of the reply, or rejects with a [LiveError]. */
  async request(type, data) {
    if (this.#state.kind !== "connected") throw new LiveError("not_connected", "not connected");
    return (await this.#request({ type, data })).data;
  }

  #open() {
    this.#setState({ kind: "connecting" });
    const socket = new this.#WebSocket(this.#url, this.#protocols);
    this.#socket = socket;
    this.#connectTimer = setTimeout(() => this.#dropConnection(Date.now()), CONNECT_TIMEOUT_MS);
    socket.onopen = () => socket === this.#socket && this.#opened(); // ignores pending events of a previous socket
    socket.onmessage = (event) => socket === this.#socket && this.#onFrame(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code, event.reason, Date.now());
  }

  #opened() {
    clearTimeout(this.#connectTimer);
    this.#lastReceivedAt = Date.now();
    this.#window = null;
    this.#stableTimer = setTimeout(() => (this.#attempt = 0), STABLE_MS);
    this.#startHeartbeat();
    const topics = [...this.#topics.keys()]; // copied before the state handler runs: it may subscribe to more
    this.#setState({ kind: "connected" });
    for (const topic of topics) this.#sendSubscribe(topic);
  }

  #onFrame(text) {
    this.#lastReceivedAt = Date.now();
    const message = decode(text);
    if (!message) return;
    switch (message.type) {
      case "ack":
      case "reply":
        this.#requests.settle(message);
        break;
      case "error":
        // An error without a pending ref belongs to no request: log it for the developer.
        if (!this.#requests.settle(message)) console.warn("live:", errorOf(message).code, errorOf(message).message);
        break;
      case "message":
        if (this.#topics.get(message.topic)?.isNew(message.offset))
          this.#handlers.message?.(message.topic, message.data);
        break;
      case "presence":
        if (this.isSubscribed(message.topic)) this.#handlers.presence?.(message.topic, message.data ?? {});
        break;
      case "ping":
        this.#send({ type: "pong", ref: message.ref });
        break;
      case "goodbye":
        this.#window = message.data?.reconnectInMs ?? null;
        break;
      case "subscribe":
        this.#continued(message);
        break;
      case "unsubscribe":
        this.#unsubscribed(message.topic);
        break;
      default:
        // This client handles no server requests; the error reply saves the server a timeout.
        if (message.ref?.startsWith?.("$"))
          this.#send({ type: "error", ref: message.ref, data: { code: "unknown_type", reason: "no handler" } });
        else if (!message.topic) this.#handlers.direct?.(message.type, message.data);
        else if (this.isSubscribed(message.topic))
          this.#handlers.customMessage?.(message.topic, message.type, message.data);
    }
  }

  /**
   * The server could not deliver messages, or the topic continues in a new epoch. Ignored while not subscribed: the
   * server then reports a subscription that it made itself.
   */
  #continued({ topic, data }) {
    if (!this.isSubscribed(topic)) return;
    const { recovery, missed } = this.#topics.get(topic).accept(data);
    this.#handlers.subscribed?.(topic, recovery, missed);
  }

  /** The server ended the subscription. The client subscribes again only on the next connection. */
  #unsubscribed(topic) {
    if (!this.isSubscribed(topic)) return;
    this.#topics.get(topic).subscribed = false;
    this.#handlers.rejected?.(topic, new LiveError("not_subscribed", "the server ended the subscription"));
  }

  #closed(code, reason, lostAt) {
    this.#releaseSocket(new LiveError("connection_lost", "the connection was lost before the server responded"));
    const delay = delayBefore({ code, attempt: this.#attempt, window: this.#window, random: this.#random });
    this.#window = null;
    if (delay === null) return this.#setState({ kind: "stopped", code, reason });
    this.#attempt++;
    this.#retryTimer = setTimeout(() => this.#open(), delay);
    this.#setState({ kind: "waiting", retryAt: Date.now() + delay, lostAt });
  }

  /** Drops a socket that does not respond. Its own close event could take minutes. */
  #dropConnection(lostAt) {
    const socket = this.#socket;
    this.#closed(ABNORMAL_CLOSURE, "", lostAt);
    socket.close();
  }

  #releaseSocket(error) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#heartbeatTimer);
    for (const topic of this.#topics.values()) topic.subscribed = false;
    this.#requests.failAll(error);
    return socket;
  }

  #startHeartbeat() {
    this.#heartbeatTimer = setTimeout(() => {
      if (Date.now() - this.#lastReceivedAt < IDLE_MS) return this.#startHeartbeat();
      const pingedAt = Date.now();
      this.#send({ type: "ping", ref: "heartbeat" });
      // Starts after the ping, so that a laptop that wakes up has time to receive the pong.
      this.#heartbeatTimer = setTimeout(() => {
        if (this.#lastReceivedAt < pingedAt) this.#dropConnection(this.#lastReceivedAt);
        else this.#startHeartbeat();
      }, PONG_TIMEOUT_MS);
    }, IDLE_MS / 4);
  }

  async #sendSubscribe(topic) {
    const subscription = this.#topics.get(topic);
    try {
      const ack = await this.#request({ type: "subscribe", topic, data: subscription.data });
      if (this.#topics.get(topic) !== subscription) return; // unsubscribed in the meantime
      const { recovery, missed } = subscription.accept(ack.data);
      this.#handlers.subscribed?.(topic, recovery, missed, ack.data?.welcome);
    } catch (error) {
      if (this.#topics.get(topic) !== subscription || error.code === "connection_lost") return;
      if (error.isTransient) this.#subscribeLater(topic, subscription, error.retryAfterMs);
      else this.#handlers.rejected?.(topic, error);
    }
  }

  #subscribeLater(topic, subscription, delay) {
    const socket = this.#socket;
    setTimeout(() => {
      if (socket === this.#socket && this.#topics.get(topic) === subscription) this.#sendSubscribe(topic);
    }, delay ?? RESUBSCRIBE_MS);
  }

  #request(message) {
    const { ref, response } = this.#requests.open();
    this.#send({ ...message, ref });
    return response;
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #setState(state) {
    this.#state = state;
    this.#handlers.state?.(state);
  }
}
