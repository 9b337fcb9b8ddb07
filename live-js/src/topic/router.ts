import type { Message, OutgoingMessage } from "../codec/message.js";
import type { DisconnectCause } from "../connection/connection-state.js";
import { LiveError } from "../errors.js";
import type { RequestHandler } from "../features/request-handlers.js";
import type { Settings } from "../options.js";
import { type Outbox, createOutbox } from "./outbox.js";
import { type Subscriptions, createSubscriptions } from "./subscriptions.js";

/** Receives the `ack`, `reply` or `error` of one message, or the loss of the connection. */
export type ReplyHandler = (reply: Message | LiveError) => void;

/** Dispatches received messages: replies by ref, requests by type, messages of topics to their collectors. */
export interface Router {
  readonly _outbox: Outbox;
  readonly _timeoutMs: number;
  _subscriptions: Subscriptions;
  /** The handlers of the replies that the current connection owes, by ref. */
  readonly _pending: Map<string, ReplyHandler>;
  /** The application's messages in the outbox or without a reply, with their keys. */
  readonly _sends: Map<ReplyHandler, string | undefined>;
  /** Returns the error of later calls, if the client is closed. */
  _closed?: () => LiveError;
  /** Whether the client was closed for another reason than the application's call. */
  _hasFailed?: boolean;
  /** The current connection, as a new object each. */
  _connection?: object | undefined;
  /** Answers the server's requests. */
  _onRequest?: (request: Message) => void;
  _handlers?: Map<string, RequestHandler>;
  /** Messages received on all connections. */
  _received: number;
  /** Refs are never used twice, so a late reply matches nothing. */
  _newRef(): string;
  /** Queues a ping that checks the connection. */
  _ping(): void;
  /** Queues a message of the client itself. It is dropped when the connection ends. */
  _control(message: OutgoingMessage): void;
  _route(message: Message): void;
  _connected(): void;
  /** Unanswered messages fail. Collectors and queued messages are kept. */
  _disconnected(code?: number): void;
  /** Ends all collectors, and fails everything that waits. */
  _close(cause: DisconnectCause): void;
}

/** @param onMessage called for messages that are no replies and belong to no topic */
export const createRouter = (settings: Settings, onMessage: (message: Message) => void): Router => {
  const outbox = createOutbox(settings);
  const pending = new Map<string, ReplyHandler>();
  const sends = new Map<ReplyHandler, string | undefined>();
  let lastRef = 0;

  const router = {
    _outbox: outbox,
    _timeoutMs: settings.requestTimeoutMs,
    _pending: pending,
    _sends: sends,
    _received: 0,
    _newRef: () => "~" + (++lastRef).toString(36),
    _ping() {
      if (router._connection) router._control({ type: "ping" });
    },
    _control: (message) => outbox._add({ _take: () => message }),
    _route(message) {
      const { type, topic, ref = "" } = message;
      const handler = pending.get(ref);
      router._received++;
      if (type == "ping") router._control({ type: "pong", ref });
      else if (handler) {
        pending.delete(ref);
        handler(type == "error" ? errorIn(message) : message);
      } else if (ref[0] == "$") {
        if (router._onRequest) router._onRequest(message);
        else router._control({ type: "error", topic, ref, json: '{"code":"unknown_type","reason":"no handler"}' });
      } else if (
        !/^[~=]/.test(ref) && // a reply to a message that was given up
        !(topic && subscriptions._deliver(message)) &&
        !/^(message|presence|pong)$/.test(type)
      )
        onMessage(message);
    },
    _connected() {
      router._connection = {};
      subscriptions._changedAll();
    },
    _disconnected(code) {
      router._connection = undefined;
      outbox._dropControl();
      subscriptions._disconnected(code);
      for (const [ref, handler] of [...pending]) {
        pending.delete(ref);
        handler(new LiveError("connection_lost", code == 1009 ? TOO_LARGE : undefined));
      }
    },
    _close({ kind, reason }) {
      const closed = (router._closed = () => new LiveError("closed", reason ?? kind));
      router._hasFailed = kind != "closed_by_client";
      for (const send of [...sends.keys()]) send(closed());
      subscriptions._close(router._hasFailed ? closed : undefined);
    },
  } as Router;
  const subscriptions = (router._subscriptions = createSubscriptions(router, settings.lingerMs));
  return router;
};

/** The reason if the server closed because of a message that was too large, possibly this one. */
export const TOO_LARGE = "too_large";

/** The error in the data of an `error` message. */
const errorIn = ({ data }: Message): LiveError =>
  // a timer with a longer time would end immediately
  new LiveError(data?.code ?? "internal", data?.reason, data?.retryAfterMs && Math.min(data.retryAfterMs, 3_600_000));
