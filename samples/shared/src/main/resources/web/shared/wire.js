/** How messages look on the wire: the JSON codec. */

const SUBPROTOCOL = "live.v1.json";
const BEARER = "live.bearer."; // a page cannot set headers on a WebSocket

/** What to offer to the server. */
export function subprotocols(token) {
  return token === null ? [SUBPROTOCOL] : [SUBPROTOCOL, BEARER + base64Url(token)];
}

/** The envelope in a frame, or null: what cannot be read is skipped, a later version may send it. */
export function decode(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}

function base64Url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
