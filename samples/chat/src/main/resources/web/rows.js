/**
 * Converts a conversation to rows: messages grouped by author, days, gaps, and the line above unread messages.
 */
import { isSameDay } from "./days.js";

const GROUP_MS = 5 * 60_000;

/** @param me the author of outgoing messages */
export function rowsOf(conversation, me) {
  const rows = [];
  let previous = null; // the message directly above, if any
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

/** Whether two adjacent messages have the same author and are at most five minutes apart. */
export function isSameGroup(a, b) {
  return a !== null && a.from === b.from && a.own === b.own && Math.abs(b.at - a.at) < GROUP_MS;
}
