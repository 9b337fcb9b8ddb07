import type { Message } from "../codec/message.js";
import type { Settings } from "../options.js";
import type { Router } from "../topic/router.js";
import type { DisconnectCause } from "./connection-state.js";
import { type Heartbeat, startHeartbeat } from "./heartbeat.js";

const STABLE_MS = 5_000;
const MAX_BUFFERED_BYTES = 1 << 20;
const BUFFER_CHECK_MS = 50;

/** One WebSocket, from the upgrade to its end. */
export interface Connection {
  /** The data of the server's `goodbye`. */
  _goodbye: any;
  _isOpen: boolean;
  /** Whether the connection has been open for five seconds and has received a message. */
  _isStable(): boolean;
  _probe(): void;
  /** Ends the connection without waiting for the server, which may not answer any more. */
  _end(cause: DisconnectCause, code?: number): void;
}

/** Opens a WebSocket. Calls `onEnd` once, and does nothing after that. */
export const openConnection = (
  url: string,
  settings: Settings,
  router: Router,
  token: string | undefined,
  onOpen: (subprotocol: string) => void,
  onEnd: (cause: DisconnectCause) => void,
): Connection => {
  const { auth, codecs, connectTimeoutMs, pingAfterMs, deadAfterMs, maxMessageSize } = settings;
  const names = codecs.map((codec) => codec.subprotocol);
  const socket = new (settings.WebSocket ?? WebSocket)(url, token ? [...names, token] : names);
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let codec = codecs[0]!;
  let heartbeat: Heartbeat | undefined;
  let openedAt = 0;
  let received = 0;
  let isFlushing = false;
  let hasEnded = false;

  const later = (run: () => void, ms: number): void => {
    if (!hasEnded) timers.add(setTimeout(run, ms));
  };

  const end = (cause: DisconnectCause, code = 1000): void => {
    if (hasEnded) return;
    hasEnded = true;
    heartbeat?._stop();
    timers.forEach(clearTimeout);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    onEnd(cause);
  };

  const flush = (): void => {
    isFlushing = false;
    while (!hasEnded && socket.readyState == 1) {
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
        isFlushing = true;
        return later(flush, BUFFER_CHECK_MS);
      }
      const message = router._outbox._next();
      if (!message) return;
      socket.send(codec.encode(message));
    }
  };

  const connection: Connection = {
    _goodbye: undefined,
    _isOpen: false,
    _isStable: () => received > 0 && performance.now() - openedAt >= STABLE_MS,
    _probe: () => heartbeat?._probe(),
    _end: end,
  };

  socket.binaryType = "arraybuffer";
  socket.onerror = () => {}; // a close event follows
  socket.onopen = () => {
    const name = socket.protocol || "live.v1.json";
    codec = codecs.find((offered) => offered.subprotocol == name) ?? codec; // engines reject what was not offered
    connection._isOpen = true;
    openedAt = performance.now();
    heartbeat = startHeartbeat(
      pingAfterMs,
      deadAfterMs,
      () => router._ping(),
      () => end({ kind: "heartbeat_timeout" }),
    );
    // in a microtask, so that a quick unsubscribe and subscribe cancel each other
    router._outbox._onAdded = () => {
      if (!isFlushing) queueMicrotask(flush);
      isFlushing = true;
    };
    onOpen(name);
    router._outbox._onAdded(); // messages may have waited for the connection
  };
  socket.onmessage = ({ data }) => {
    heartbeat!._received();
    let message: Message;
    try {
      if ((data.length ?? data.byteLength) > maxMessageSize) throw new RangeError("message too large");
      message = codec.decode(data);
    } catch (e) {
      return end({ kind: "protocol_error", reason: "" + e }, 4400);
    }
    const { type, data: content } = message;
    if (type == "goodbye") {
      connection._goodbye = content;
      return;
    }
    received++;
    if (type == "expiring" && auth) void auth._renew(router, +content?.inMs, later);
    else router._route(message);
  };
  socket.onclose = ({ code, reason }) => {
    const goodbye = connection._goodbye;
    // some engines report 1012 and 1013 as 1002, 1005 or 1006
    if (goodbye?.code && [1002, 1005, 1006].includes(code)) ({ code, reason } = goodbye);
    if (!connection._isOpen) end({ kind: "unreachable" });
    else if (code == 1006) end({ kind: "connection_lost" });
    else end({ kind: "closed_by_server", code, reason });
  };
  later(() => {
    if (!connection._isOpen) end({ kind: "unreachable", reason: "timeout" });
  }, connectTimeoutMs);
  return connection;
};
