import { type Message, type OutgoingMessage, checked } from "./message.js";

/** The kind of value that a head announces. */
export type Kind = "map" | "text" | "bytes";

/** An encoded map, as the pairs of its names and values. */
export class Pairs extends Array<[name: unknown, value: unknown]> {}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Encodes `message` as a map. `head` returns the bytes in front of a value. */
export const encodeMap = (
  { type, topic, ref, body, json: data }: OutgoingMessage,
  head: (kind: Kind, length: number) => number[],
): Uint8Array<ArrayBuffer> => {
  const fields = Object.entries({ type, topic, ref, body, data }).filter(([, value]) => value);
  const parts: ArrayLike<number>[] = [head("map", fields.length)];
  const add = (value: string | Uint8Array): void => {
    const isText = typeof value == "string";
    const bytes = isText ? encoder.encode(value) : value;
    parts.push(head(isText ? "text" : "bytes", bytes.length), bytes);
  };
  for (const [name, value] of fields) {
    add(name);
    add(value!);
  }
  const result = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
};

/** The message in a decoded map. `textOf` and `bytesOf` throw for other values. */
export const messageIn = (
  pairs: unknown,
  textOf: (value: unknown) => string,
  bytesOf: (value: unknown) => Uint8Array,
): Message => {
  if (!(pairs instanceof Pairs)) throw new TypeError("a message must be a map");
  const message: Record<string, unknown> = {};
  for (const [key, value] of pairs) {
    const name = textOf(key);
    if (Object.hasOwn(message, name)) throw new TypeError("a field occurs twice");
    message[name] = value;
    if (value === undefined || value === null)
      message[name] = null; // absent, but it must not occur again
    else if (/^(type|topic|ref|data)$/.test(name)) message[name] = textOf(value);
    else if (name == "body") message.body = bytesOf(value);
  }
  if (message.data === null) delete message.data;
  else if (message.data !== undefined && message.body) throw new TypeError("body and data exclude each other");
  else if (message.data !== undefined) message.data = JSON.parse(message.data as string);
  return checked(message);
};

/** Reads big-endian numbers and bytes. Throws beyond the end. */
export class Reader {
  private _at = 0;
  private readonly _view: DataView;

  constructor(frame: string | ArrayBuffer) {
    if (typeof frame == "string") throw new TypeError("a text frame for a binary codec");
    this._view = new DataView(frame);
  }

  get _isAtEnd(): boolean {
    return this._at == this._view.byteLength;
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes. */
  _number(size: number): number {
    let value = 0;
    for (; size > 0; size--) value = value * 256 + this._view.getUint8(this._at++);
    return value;
  }

  _int64(): number {
    this._at += 8;
    return Number(this._view.getBigInt64(this._at - 8));
  }

  _float(size: number): number {
    this._at += size;
    return size == 4 ? this._view.getFloat32(this._at - 4) : this._view.getFloat64(this._at - 8);
  }

  _bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(this._view.buffer, this._at, size);
    this._at += size;
    return bytes.slice();
  }

  _peek(): number {
    return this._view.getUint8(this._at);
  }
}
