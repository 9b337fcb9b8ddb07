/** Room names. A room is one segment of a topic name, and the hash of the page's URL. */

const MAX_ROOM = 40;

export function topicOf(room) {
  return `room/${room}`;
}

export function roomOf(topic) {
  return topic.slice("room/".length);
}

/** Normalizes an input to a room name: "# Coffee Break " becomes "coffee-break". */
export function roomNameOf(input) {
  return input.trim().replace(/^#+/, "").trim().replace(/\s+/g, "-").toLowerCase();
}

/** Returns an error text for an invalid room name, or null. */
export function roomProblem(room) {
  if (room === "") return "Please enter a room name.";
  if (room.length > MAX_ROOM) return `A room name has at most ${MAX_ROOM} characters.`;
  if (!/^[\p{L}\p{N}._-]+$/u.test(room)) return "Use only letters, digits, dots, dashes and underscores.";
  return null;
}

/** The room of a hash such as `#room/lobby`, or null. */
export function roomInHash(hash) {
  if (!hash.startsWith("#room/")) return null;
  try {
    const room = roomNameOf(decodeURIComponent(hash.slice("#room/".length)));
    return roomProblem(room) === null ? room : null;
  } catch {
    return null; // an invalid percent-encoding
  }
}

export function hashOf(room) {
  return `#room/${encodeURIComponent(room)}`;
}
