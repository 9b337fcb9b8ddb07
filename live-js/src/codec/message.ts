/** A received message. `data` is a JSON value, `body` an opaque payload; a message has at most one of them. */
export interface Message {
  type: string;
  topic?: string;
  ref?: string;
  data?: any;
  body?: Uint8Array;
  /** Offset in the topic's history, on topics that keep one. At most `Number.MAX_SAFE_INTEGER`. */
  offset?: number;
}

/** A message to encode. Its payload is JSON text already, because it was read when the application called. */
export interface OutgoingMessage {
  type: string;
  topic?: string | undefined;
  ref?: string | undefined;
  json?: string | undefined;
  body?: Uint8Array | undefined;
}

/** An encoding of messages. The server selects the first of a client's codecs that it supports. */
export interface Codec {
  readonly subprotocol: string;
  encode(message: OutgoingMessage): string | Uint8Array<ArrayBuffer>;
  /** Throws if `frame` is not a valid message. The error's message is the reason for logs. */
  decode(frame: string | ArrayBuffer): Message;
}

/** Checks a decoded message, and removes fields that are null. */
export const checked = (message: any): Message => {
  for (const name in message)
    if (message[name] === null && (name != "data" || message.body != null || message.type == "subscribe"))
      delete message[name];
  const { type, topic = "", ref = "", offset = 0, body, data } = message;
  if (
    !type ||
    [type, topic, ref].some((text) => typeof text != "string") ||
    !(Number.isSafeInteger(offset) && offset >= 0) ||
    (body && data !== undefined)
  )
    throw new TypeError("not a live message");
  return message;
};

/** Throws if `name` is empty or too long, or contains control characters or unpaired surrogates. */
export const checkName = (name: string, max: number): void => {
  // the server counts bytes, and rejects the names in between
  if (!/^[^\p{Cc}\p{Cs}]+$/u.test(name) || name.length > max)
    throw new TypeError(`a name must have 1 to ${max} bytes, without control characters`);
};
