import { report } from "../errors.js";
import type { Settings } from "../options.js";
import type { Router } from "../topic/router.js";
import { type Connection, openConnection } from "./connection.js";
import type { ConnectionState, DisconnectCause, PauseReason } from "./connection-state.js";
import { listenToPage } from "./page-signals.js";
import { type ReconnectDelay, type Reconnection, delayAfter } from "./reconnection.js";

const MIN_INTERVAL_MS = 1_000;

/** Keeps one connection open. */
export interface ConnectionLoop {
  _state: ConnectionState;
  /** Checks the connection, or shortens a wait that the server did not request. */
  _check(): void;
  _close(cause: DisconnectCause): void;
}

/** Connects, restores the subscriptions, waits after the end, and reconnects, with one connection at a time. */
export const startConnectionLoop = (
  url: string,
  settings: Settings,
  router: Router,
  onState: (state: ConnectionState) => void,
): ConnectionLoop => {
  const { auth, diagnose } = settings;
  let reconnection: Reconnection = { _attempt: 0, _violations: 0 };
  let connection: Connection | undefined;
  /** The current attempt or connection, as a new object each. Undefined while waiting. */
  let current: object | undefined;
  let timer: ReturnType<typeof setTimeout>;
  let due = 0;
  let canShorten = true;
  let lastAttempt = -MIN_INTERVAL_MS;
  let lastCause: DisconnectCause;
  let pause: PauseReason | undefined;

  const now = (): number => performance.now();

  const set = (state: ConnectionState): void => {
    loop._state = state;
    onState(state);
  };

  /** Ends the current attempt or connection, without a reconnect. */
  const giveUp = (cause: DisconnectCause): void => {
    current = undefined;
    connection?._end(cause);
  };

  /** Waits, or connects. */
  const next = (): void => {
    clearTimeout(timer);
    const state = loop._state;
    if (current || state.status == "closed") return;
    const delayMs = due - now();
    if (pause) {
      if ((state as { reason?: string }).reason != pause) set({ status: "paused", reason: pause });
    } else if (delayMs > 0) {
      timer = setTimeout(next, delayMs); // before the listeners of the state, which may close the client
      set({ status: "waiting", attempt: reconnection._attempt, delayMs, until: due, cause: lastCause });
    } else void connect();
  };

  const connect = async (): Promise<void> => {
    const attempt = (current = {});
    lastAttempt = now();
    set({ status: "connecting", attempt: reconnection._attempt });
    try {
      const token = await auth?._next();
      if (current != attempt) return;
      connection = openConnection(
        url,
        settings,
        router,
        token,
        (subprotocol) => {
          router._connected();
          set({ status: "connected", subprotocol });
        },
        (cause) => void ended(cause, attempt),
      );
    } catch (e) {
      if (current == attempt)
        schedule((e as DisconnectCause).kind ? (e as DisconnectCause) : { kind: "unreachable", reason: "" + e });
    }
  };

  const ended = async (cause: DisconnectCause, attempt: object): Promise<void> => {
    const { _isOpen: wasOpen, _isStable: isStable, _goodbye: goodbye } = connection!;
    connection = undefined;
    if (wasOpen) router._disconnected(cause.code);
    if (isStable()) reconnection = { _attempt: 0, _violations: 0 }; // earlier failures no longer count
    if (!wasOpen && cause.kind == "unreachable" && current == attempt) {
      cause = (await diagnose?.(url)) ?? cause;
    }
    if (current == attempt) schedule(cause, goodbye?.reconnectInMs);
  };

  const schedule = (cause: DisconnectCause, window?: unknown): void => {
    let delay: ReconnectDelay | undefined;
    if (cause.code == 4401) auth?._reject();
    try {
      delay = delayAfter(reconnection, cause, window, settings);
    } catch (e) {
      report(e); // the application's policy
    }
    current = undefined;
    if (!delay) return loop._close(cause);
    lastCause = cause;
    due = now() + delay._ms;
    canShorten = delay._canShorten;
    next();
  };

  const loop: ConnectionLoop = {
    _state: { status: "connecting", attempt: 0 },
    _check() {
      connection?._probe();
      if (canShorten) due = Math.min(due, Math.max(now(), lastAttempt + MIN_INTERVAL_MS));
      next();
    },
    _close(cause) {
      if (loop._state.status == "closed") return;
      clearTimeout(timer);
      stopListening();
      giveUp(cause);
      set({ status: "closed", cause });
      router._close(cause);
    },
  };

  const stopListening = listenToPage((reason) => {
    pause = reason;
    // offline, an open connection may still work
    if (pause == "hidden" && current) {
      giveUp({ kind: "connection_lost" });
      due = 0;
    }
    loop._check();
  });
  return loop;
};
