import { ClientTopic, type TopicOptions } from "./client-topic.js";
import { checkName } from "./codec/message.js";
import { type ConnectionLoop, startConnectionLoop } from "./connection/connection-loop.js";
import type { ConnectionState } from "./connection/connection-state.js";
import { type LiveOptions, settingsOf } from "./options.js";
import { type SendOptions, payloadOf, sendRequest } from "./topic/request-sender.js";
import { type Router, createRouter } from "./topic/router.js";

/** Options of {@link LiveClient.request}. With a `key` a repeated request gets the first reply. */
export interface RequestOptions extends SendOptions {
  /** The topic of the request, if its type has one. */
  topic?: string;
}

/**
 * A client with one logical connection to a server. It connects immediately, reconnects after a lost connection, and
 * restores all subscriptions.
 *
 * Events: `state` after each change, with the {@link ConnectionState} as `detail`; `message` for a message that
 * is no reply and belongs to no subscribed topic.
 */
export class LiveClient extends EventTarget {
  /** @internal */
  readonly _router: Router;
  private readonly _loop: ConnectionLoop;

  /**
   * @param url `ws:`, `wss:`, `http:` or `https:`; in a page also relative, such as `/live`
   * @throws TypeError or RangeError if `url` or an option is not valid, or the platform has no WebSocket
   */
  constructor(url: string | URL, options: LiveOptions = {}) {
    super();
    const target = new URL(url, globalThis.document?.baseURI);
    target.protocol = target.protocol.replace("http", "ws");
    target.hash = "";
    if (!/^wss?:$/.test(target.protocol)) throw new TypeError("url must begin with ws:// or wss://");
    const settings = settingsOf(options);
    if (!settings.WebSocket && !globalThis.WebSocket) throw new TypeError("no WebSocket: set it in the options");
    const emit = (type: string, detail: unknown): unknown => this.dispatchEvent(new CustomEvent(type, { detail }));
    this._router = createRouter(settings, (message) => emit("message", message));
    this._loop = startConnectionLoop(target.href, settings, this._router, (state) => emit("state", state));
  }

  /** The state of the connection. A new object after each change. */
  get state(): ConnectionState {
    return this._loop._state;
  }

  /** Calls `listener` after each change of {@link state}, until the returned function is called. */
  subscribe(listener: (state: ConnectionState) => void): () => void {
    const onState = (): void => listener(this.state);
    this.addEventListener("state", onState);
    return () => this.removeEventListener("state", onState);
  }

  /** The topic called `name`. Cheap: only listeners and iterators subscribe. */
  topic<T = unknown>(name: string, options?: TopicOptions<T>): ClientTopic<T> {
    return new ClientTopic(name, this._router, options);
  }

  /** Sends a request of `type`, and resolves to the payload of the reply. Rejects with a {@link LiveError}. */
  async request<R = unknown>(type: string, query?: unknown, options: RequestOptions = {}): Promise<R> {
    checkName(type, 64);
    const payload = query === undefined ? {} : payloadOf(query);
    const { body, data } = await sendRequest(this._router, { type, topic: options.topic, ...payload }, options);
    return (body ?? data) as R;
  }

  /** Checks the connection, or connects now unless the server requested a delay. For a "try again" button. */
  probe(): void {
    this._loop._check();
  }

  /** Closes the connection for good. Iterations end; everything that waits, and later calls, fail with `closed`. */
  close(): void {
    this._loop._close({ kind: "closed_by_client" });
  }
}
