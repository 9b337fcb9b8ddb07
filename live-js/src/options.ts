import { json } from "./codec/json.js";
import type { Codec } from "./codec/message.js";
import type { DisconnectCause } from "./connection/connection-state.js";
import { defaultBackoff } from "./connection/exponential-backoff.js";
import type { Auth } from "./features/bearer.js";

/** Settings of a {@link LiveClient}. All are optional. Times are in milliseconds and positive. */
export interface LiveOptions {
  /** Offered codecs in order of preference. Default: JSON. */
  codecs?: readonly Codec[];
  /** Authenticates with a token: `bearer(() => token)`. */
  auth?: Auth;
  /** Finds out why an upgrade failed, because browsers hide that: `probeUpgrade`. */
  diagnose?: (url: string) => Promise<DisconnectCause>;
  /** Time limit for the connect and the upgrade. Default 10 s. */
  connectTimeoutMs?: number;
  /** Default time limit of `publish` and `request`, including the wait for a connection. Default 10 s. */
  requestTimeoutMs?: number;
  /** How long a topic stays subscribed without listeners, such as during a re-render. Default 1 s. */
  lingerMs?: number;
  /** Time without a message after which the client sends a `ping`. Default 25 s. */
  pingAfterMs?: number;
  /** Time without a message after which the connection counts as dead. Default 60 s. */
  deadAfterMs?: number;
  /** Messages that wait for a connection or a slow network. Default 64. */
  outboxMessages?: number;
  /** Payload of these messages in characters or bytes. A larger one fits into an empty outbox. Default 1 MiB. */
  outboxBytes?: number;
  /** Largest accepted message, in characters or bytes: at least 4/3 of the server's limit and 1 KiB. Default 1 MiB. */
  maxMessageSize?: number;
  /** Returns the delay before reconnect number `attempt`, or undefined to stop. Default: {@link exponentialBackoff}. */
  reconnect?: (attempt: number) => number | undefined;
  /** The WebSocket class, where the platform has none, such as that of npm `ws` on Node 20. */
  WebSocket?: new (url: string, protocols: string[]) => WebSocket;
}

type Optional = "auth" | "diagnose" | "WebSocket";

/** The options of a client with their defaults. */
export type Settings = Required<Omit<LiveOptions, Optional>> & Pick<LiveOptions, Optional>;

/** @internal Throws if a number is not positive. */
export const settingsOf = (options: LiveOptions): Settings => {
  const settings = {
    codecs: [json],
    reconnect: defaultBackoff,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    lingerMs: 1_000,
    pingAfterMs: 25_000,
    deadAfterMs: 60_000,
    outboxMessages: 64,
    outboxBytes: 1 << 20,
    maxMessageSize: 1 << 20,
    ...options,
  };
  for (const [name, value] of Object.entries(settings))
    if (typeof value == "number" && !(value > 0)) throw new RangeError(`${name} must be positive, was ${value}`);
  return settings;
};
