/** Reconnect rules and delays. Pure functions: the caller provides randomness and timers. */

const BASE_MS = 250;
const MAX_MS = 30_000;
const MAX_DOUBLINGS = 30; // any realistic maximum is reached before

/** Minimum delay after a close because of a limit. */
const TRY_LATER_MS = 5_000;

/** 1000 normal closure, 4400 protocol error, 4401 expired token (a page cannot renew it), 4403 kicked. */
const FINAL_CODES = new Set([1000, 4400, 4401, 4403]);

/**
 * Exponential backoff with full jitter: attempt n waits a random time between zero and min(maxMs, baseMs * 2^n).
 * The jitter keeps clients from reconnecting at the same time after a restart.
 */
export function backoffDelay(attempt, { random = Math.random, baseMs = BASE_MS, maxMs = MAX_MS } = {}) {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, MAX_DOUBLINGS));
  return ceiling * random();
}

/** Whether the client reconnects automatically after this close code. */
export function mayReconnect(code) {
  return !FINAL_CODES.has(code);
}

/**
 * Milliseconds until the next connection attempt, or null for none.
 *
 * @param window the `reconnectInMs` of a `goodbye`: the server spreads the reconnects over this window
 */
export function delayBefore({ code, attempt, window = null, random = Math.random }) {
  if (!mayReconnect(code)) return null;
  const delay = isWindow(window) ? window[0] + (window[1] - window[0]) * random() : backoffDelay(attempt, { random });
  return code === 1013 ? Math.max(TRY_LATER_MS, delay) : delay;
}

function isWindow(value) {
  return (
    Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] >= 0 && value[1] >= value[0]
  );
}
