/**
 * When to connect again, and after how long. Pure: the caller brings chance and keeps the clock.
 */

const BASE_MS = 250;
const MAX_MS = 30_000;
const MAX_DOUBLINGS = 30; // past this every realistic ceiling has been reached

/** Over a limit: the server asks for at least this much patience. */
const TRY_LATER_MS = 5_000;

/** 1000 ended for good, 4400 protocol violated, 4401 a fresh token is needed (this page has none), 4403 kicked. */
const FINAL_CODES = new Set([1000, 4400, 4401, 4403]);

/**
 * Exponential backoff with full jitter: attempt n waits a random time between zero and min(maxMs, baseMs * 2^n).
 * The jitter keeps all tabs of the world from reconnecting in step after a restart.
 */
export function backoffDelay(attempt, { random = Math.random, baseMs = BASE_MS, maxMs = MAX_MS } = {}) {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, MAX_DOUBLINGS));
  return ceiling * random();
}

/** Whether a session that ended with this close code may be tried again by the page itself. */
export function mayReconnect(code) {
  return !FINAL_CODES.has(code);
}

/**
 * Milliseconds to wait before connecting again, or null for never.
 *
 * @param window the `reconnectInMs` of a `goodbye`: the server spreads its clients over it
 */
export function delayBefore({ code, attempt, window = null, random = Math.random }) {
  if (!mayReconnect(code)) return null;
  const delay = isWindow(window) ? window[0] + (window[1] - window[0]) * random() : backoffDelay(attempt, { random });
  return code === 1013 ? Math.max(TRY_LATER_MS, delay) : delay;
}

function isWindow(value) {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] >= 0 && value[1] >= value[0];
}
