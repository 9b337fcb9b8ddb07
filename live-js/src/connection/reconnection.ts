import type { Settings } from "../options.js";
import type { DisconnectCause } from "./connection-state.js";

/** The delay before an attempt. `_canShorten` is false if the server requested it. */
export interface ReconnectDelay {
  _ms: number;
  _canShorten: boolean;
}

/** Close codes after which the client does not reconnect: normal, protocol violated, kicked. */
const FINAL = [1000, 4400, 4403];
const VIOLATIONS = [1002, 1007, 1008];
const MAX_VIOLATIONS = 5;
const MAX_WINDOW_MS = 3_600_000;

/** Counts attempts, and computes the delay before each reconnect. */
export interface Reconnection {
  /** The number of the current or next attempt; 0 is the first connection. */
  _attempt: number;
  /** Connections in a row that ended with a violation of RFC 6455. */
  _violations: number;
}

/**
 * Returns the delay after a connection or attempt that ended with `cause`, and counts; undefined to stop.
 *
 * @param window the `reconnectInMs` of the server's `goodbye`
 */
export const delayAfter = (
  state: Reconnection,
  { kind, code = 0, retryAfterMs = 0 }: DisconnectCause,
  window: unknown,
  { reconnect, auth }: Settings,
): ReconnectDelay | undefined => {
  if (code) state._violations = VIOLATIONS.includes(code) ? state._violations + 1 : 0;
  if (FINAL.includes(code) || (code == 4401 && !auth) || state._violations > MAX_VIOLATIONS || kind == "stale_token")
    return;
  const inWindow = code == 4401 ? undefined : delayIn(window);
  const delay = inWindow ?? reconnect(state._attempt);
  if (delay === undefined) return;
  state._attempt++;
  const minMs = code == 1013 ? 5_000 : retryAfterMs;
  return { _ms: Math.max(delay, minMs * (1 + Math.random())), _canShorten: inWindow === undefined && !minMs };
};

/** A random time in the window, or undefined if it is invalid. Limited, because timers end early beyond 24 days. */
const delayIn = (window: unknown): number | undefined => {
  const [min, max] = Array.isArray(window) ? window : [];
  return min >= 0 && max - min >= 0
    ? Math.min(min, MAX_WINDOW_MS) + Math.min(max - min, MAX_WINDOW_MS) * Math.random()
    : undefined;
};
