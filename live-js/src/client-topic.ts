import { type Message, checkName } from "./codec/message.js";
import type { LiveError } from "./errors.js";
import { type Collector, type TopicListener, createListenerCollector } from "./topic/collector.js";
import { type SendOptions, payloadOf, sendRequest } from "./topic/request-sender.js";
import { type Router, TOO_LARGE } from "./topic/router.js";

/** Settings of a {@link ClientTopic}. */
export interface TopicOptions<T> {
  /**
   * Reads each message: {@link validated} checks payloads with a schema, {@link raw} passes messages of every type.
   * Returns undefined to skip a message, and throws to end the collector. Default: the payload of `message`, unchecked.
   */
  read?: (message: Message) => { value: T } | undefined;
  /** Sent with each `subscribe`, for the server's authorization. Of several, the newest collector's are sent. */
  params?: unknown;
}

/** Options of the methods that receive messages. */
export interface ReceiveOptions {
  /** Ends the iteration, or removes the listener, when it is aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * A topic. All objects of one client with the same name share one subscription. The first listener or iterator
 * subscribes, removing the last one unsubscribes. The subscription survives reconnects.
 */
export class ClientTopic<T> {
  /** @internal */
  readonly _read: (message: Message) => { value: T } | undefined;

  /** @internal */
  constructor(
    readonly name: string,
    /** @internal */
    readonly _router: Router,
    private readonly _options: TopicOptions<T> = {},
  ) {
    checkName(name, 256);
    this._read = _options.read ?? payloadIn;
  }

  /** Calls `listener` with each message until `signal` is aborted or the returned function is called. */
  subscribe(listener: TopicListener<T> | ((value: T, message: Message) => void), options?: ReceiveOptions): () => void {
    const all = typeof listener == "function" ? { message: listener } : listener;
    return this._collect(createListenerCollector(all, this._read), options);
  }

  /** @internal Adds `collector` until `signal` is aborted or the returned function is called. */
  _collect(collector: Collector, { signal }: ReceiveOptions = {}): () => void {
    const stop = (collector._remove = () => {
      collector._stop();
      signal?.removeEventListener("abort", stop);
      remove?.();
    });
    let remove: (() => void) | undefined;
    collector._params = this._options.params;
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    else remove = this._router._subscriptions._add(this.name, collector);
    return stop;
  }

  /**
   * Publishes `value`, and resolves when the server has acknowledged it. A `Uint8Array` is sent as it is, all else as
   * JSON. Rejects with a {@link LiveError}, with `connection_lost` if the message may have been published.
   *
   * With a `key` the message is published at most once: after a lost connection the client sends it again with the same
   * key. This requires a topic that the server declares idempotent.
   */
  async publish(value: T | Uint8Array, options: SendOptions = {}): Promise<void> {
    await sendRequest(
      this._router,
      { type: "publish", topic: this.name, ...payloadOf(value) },
      options,
      // a message without a key is never sent twice
      options.key ? ({ code, message }) => code == "connection_lost" && message != TOO_LARGE : undefined,
    );
  }

  /** The same as {@link publish} with a `key`, 1 to 63 bytes. */
  publishOnce(key: string, value: T | Uint8Array, options?: SendOptions): Promise<void> {
    return this.publish(value, { ...options, key });
  }

  /** Queues `value`, and returns false if the outbox is full. `onFailure` receives the error of a {@link publish}. */
  tryPublish(value: T | Uint8Array, onFailure: (error: LiveError) => void = () => {}): boolean {
    const hasRoom = this._router._outbox._hasRoom(payloadOf(value));
    if (hasRoom) this.publish(value).catch(onFailure);
    return hasRoom;
  }
}

/** The payload of a message of the type `message`. */
export const payloadIn = (message: Message): { value: any } | undefined =>
  message.type == "message" ? { value: message.body ?? message.data } : undefined;
