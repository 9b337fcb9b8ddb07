/**
 * From a conversation to the rows that are drawn: messages grouped by author, days, gaps, the line above what is new.
 */
import { isSameDay } from "./days.js";

const GROUP_MS = 5 * 60_000;

/** `me` signs what is still on its way. */
export function rowsOf(conversation, me) {
  const rows = [];
  let previous = null; // the message right above, if nothing stands between
  let day = null;

  if (conversation.trimmed) rows.push({ key: "trimmed", kind: "trimmed" });

  const addMessage = (message) => {
    if (day === null || !isSameDay(day, message.at)) {
      day = message.at;
      previous = null;
      rows.push({ key: `day ${message.id}`, kind: "day", at: message.at });
    }
    if (message.id === conversation.newSince) {
      rows.push({ key: "new", kind: "new" });
      previous = null;
    }
    rows.push({ key: message.id, kind: "message", startsGroup: !isSameGroup(previous, message), ...message });
    previous = message;
  };

  for (const entry of conversation.entries) {
    if (entry.kind === "message") {
      addMessage(entry);
    } else {
      rows.push({ key: entry.id, kind: "gap", lostAt: entry.lostAt, backAt: entry.backAt });
      previous = null;
    }
  }
  for (const { id, text, since, state, reason } of conversation.outgoing) {
    addMessage({ id, from: me, text, at: since, own: true, namesake: false, state, reason });
  }
  return rows;
}

/** Said by the same person within five minutes, and nothing between. */
export function isSameGroup(a, b) {
  return a !== null && a.from === b.from && a.own === b.own && Math.abs(b.at - a.at) < GROUP_MS;
}
