/** Human-readable days. */

const DAY = 24 * 60 * 60_000;

/** Returns "Today", "Yesterday" or the date. */
export function dayName(at, now) {
  if (isSameDay(at, now)) return "Today";
  if (isSameDay(at, now - DAY)) return "Yesterday";
  return new Date(at).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

export function isSameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
