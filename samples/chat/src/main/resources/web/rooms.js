/** Rooms' names: a room is one segment of a topic, and the hash of the page's address. */

const MAX_ROOM = 40;

export function topicOf(room) {
  return `room/${room}`;
}

export function roomOf(topic) {
  return topic.slice("room/".length);
}

/** What a person typed, made a room's name: "# Coffee Break " is "coffee-break". */
export function roomNameOf(typed) {
  return typed.trim().replace(/^#+/, "").trim().replace(/\s+/g, "-").toLowerCase();
}

/** What is wrong with a room's name, as a sentence to show, or null. */
export function roomProblem(room) {
  if (room === "") return "Please enter a name for the room.";
  if (room.length > MAX_ROOM) return `A room's name can have ${MAX_ROOM} characters at most.`;
  if (!/^[\p{L}\p{N}._-]+$/u.test(room)) return "Letters, digits, dots, dashes and underscores only.";
  return null;
}

/** The room that an address like `#room/lobby` leads to, or null. */
export function roomInHash(hash) {
  if (!hash.startsWith("#room/")) return null;
  try {
    const room = roomNameOf(decodeURIComponent(hash.slice("#room/".length)));
    return roomProblem(room) === null ? room : null;
  } catch {
    return null; // a broken escape
  }
}

export function hashOf(room) {
  return `#room/${encodeURIComponent(room)}`;
}
