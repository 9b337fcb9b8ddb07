/** Human-readable times. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Returns "now", "5 min ago", or after an hour the time of day. */
export function relativeTime(at, now) {
  const age = now - at;
  if (age < MINUTE) return "now"; // also if the server's clock is ahead
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  return clockTime(at);
}

export function clockTime(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function fullTime(at) {
  return new Date(at).toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
}
