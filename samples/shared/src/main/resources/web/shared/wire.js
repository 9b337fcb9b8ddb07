/** The JSON codec. */

const SUBPROTOCOL = "live.v1.json";
const BEARER = "live.bearer."; // a page cannot set headers on a WebSocket

/** The WebSocket subprotocols to offer. */
export function subprotocols(token) {
  return token === null ? [SUBPROTOCOL] : [SUBPROTOCOL, BEARER + base64Url(token)];
}

/** Decodes a frame; returns null if it is not valid, because a later version may send other frames. */
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
