import { Pairs, Reader, encodeMap, messageIn, utf8 } from "./binary.js";
import type { Codec } from "./message.js";

/** The CBOR codec, with the subprotocol `live.v1.cbor`. */
export const cbor: Codec = {
  subprotocol: "live.v1.cbor",

  encode: (message) =>
    encodeMap(message, (kind, length) => {
      const major = kind == "map" ? 0xa0 : kind == "text" ? 0x60 : 0x40;
      if (length < 24) return [major + length];
      if (length < 0x100) return [major + 24, length];
      if (length < 0x10000) return [major + 25, length >> 8, length & 255];
      return [major + 26, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
    }),

  decode(frame) {
    const reader = new Reader(frame);
    let value = readValue(reader);
    if (value instanceof Tagged && value._tag == 55799) value = value._value; // "this is CBOR"
    if (!reader._isAtEnd) throw new TypeError("bytes after the message");
    return messageIn(value, textOf, bytesOf);
  },
};

class Tagged {
  constructor(
    readonly _tag: number,
    readonly _value: unknown,
  ) {}
}

const BREAK = Symbol("break");

const textOf = (value: unknown): string => {
  if (typeof value != "string") throw new TypeError("a text string expected");
  return value;
};

const bytesOf = (value: unknown): Uint8Array => {
  if (value instanceof Tagged && value._tag == 64) value = value._value; // "an array of bytes"
  if (!(value instanceof Uint8Array)) throw new TypeError("a byte string expected");
  return value;
};

const readValue = (reader: Reader): unknown => {
  const value = readItem(reader);
  if (value === BREAK) throw new TypeError("a break outside of an indefinite length");
  return value;
};

const readItem = (reader: Reader): unknown => {
  const head = reader._number(1);
  const major = head >> 5;
  const info = head & 31;
  const isIndefinite = info == 31;
  if (info > 27 && !(isIndefinite && major > 1 && major != 6)) throw new TypeError("a reserved head");
  if (major == 7) return readSimple(reader, info);
  const length = isIndefinite ? Infinity : info < 24 ? info : reader._number(1 << (info - 24));
  if (major == 0) return length;
  if (major == 1) return -1 - length;
  if (major == 2) return isIndefinite ? joined(readChunks(reader, 2) as Uint8Array[]) : reader._bytes(length);
  if (major == 3) return isIndefinite ? readChunks(reader, 3).join("") : utf8(reader._bytes(length));
  if (major == 6) return new Tagged(length, readValue(reader));
  const values: unknown[] = major == 4 ? [] : new Pairs();
  for (let n = 0; n < length; n++) {
    const value = readItem(reader);
    if (value === BREAK && isIndefinite) break;
    if (value === BREAK) throw new TypeError("a break outside of an indefinite length");
    values.push(major == 4 ? value : [value, readValue(reader)]);
  }
  return values;
};

const readSimple = (reader: Reader, info: number): unknown => {
  if (info == 31) return BREAK;
  if (info == 24 && reader._number(1) < 32) throw new TypeError("a simple value in two bytes");
  if (info == 25) reader._number(2); // a half float only occurs in unknown fields
  if (info == 25 || info == 24) return {};
  if (info > 25) return reader._float(info == 26 ? 4 : 8);
  return info == 20 ? false : info == 21 ? true : info == 22 ? null : info == 23 ? undefined : {};
};

/** The chunks of an indefinite string: definite strings of the same type. */
const readChunks = (reader: Reader, major: number): unknown[] => {
  const chunks = [];
  while (reader._peek() != 0xff) {
    const head = reader._peek();
    if (head >> 5 != major || (head & 31) == 31) throw new TypeError("a chunk of another type");
    chunks.push(readItem(reader));
  }
  reader._number(1);
  return chunks;
};

const joined = (chunks: Uint8Array[]): Uint8Array => Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
