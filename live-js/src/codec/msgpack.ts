import { Pairs, Reader, encodeMap, messageIn, utf8 } from "./binary.js";
import type { Codec } from "./message.js";

/** Text that is not decoded yet, because some encoders write bytes as text. */
class Text {
  constructor(readonly _bytes: Uint8Array) {}
}

/** The MessagePack codec, with the subprotocol `live.v1.msgpack`. */
export const msgpack: Codec = {
  subprotocol: "live.v1.msgpack",

  encode: (message) =>
    encodeMap(message, (kind, length) => {
      if (kind == "map") return [0x80 + length];
      if (kind == "text" && length < 32) return [0xa0 + length];
      const code = kind == "text" ? 0xd9 : 0xc4;
      if (length < 0x100) return [code, length];
      if (length < 0x10000) return [code + 1, length >> 8, length & 255];
      return [code + 2, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
    }),

  decode(frame) {
    const reader = new Reader(frame);
    const value = readValue(reader);
    if (!reader._isAtEnd) throw new TypeError("bytes after the message");
    return messageIn(value, (text) => utf8(bytesOf(text)), bytesOf);
  },
};

const bytesOf = (value: unknown): Uint8Array => {
  if (value instanceof Text) return value._bytes;
  if (value instanceof Uint8Array) return value;
  throw new TypeError("text or bytes expected");
};

const readValue = (reader: Reader): unknown => {
  const code = reader._number(1);
  if (code < 0x80) return code;
  if (code < 0x90) return readMap(reader, code & 15);
  if (code < 0xa0) return readArray(reader, code & 15);
  if (code < 0xc0) return new Text(reader._bytes(code & 31));
  if (code >= 0xe0) return code - 0x100;
  const size = (first: number): number => reader._number(1 << (code - first));
  if (code == 0xc0) return null;
  if (code == 0xc1) throw new TypeError("0xc1 is never used");
  if (code < 0xc4) return code == 0xc3;
  if (code < 0xc7) return reader._bytes(size(0xc4));
  if (code < 0xca) return readExtension(reader, size(0xc7));
  if (code < 0xcc) return reader._float(code == 0xca ? 4 : 8);
  if (code < 0xd0) return size(0xcc);
  if (code == 0xd3) return reader._int64();
  if (code < 0xd4) return toSigned(size(0xd0), 8 << (code - 0xd0));
  if (code < 0xd9) return readExtension(reader, 1 << (code - 0xd4));
  if (code < 0xdc) return new Text(reader._bytes(size(0xd9)));
  const length = reader._number(code & 1 ? 4 : 2);
  return code < 0xde ? readArray(reader, length) : readMap(reader, length);
};

const toSigned = (value: number, bits: number): number => (value >= 2 ** (bits - 1) ? value - 2 ** bits : value);

/** JavaScript encoders write `undefined` as an extension. */
const readExtension = (reader: Reader, size: number): unknown => {
  const type = reader._number(1);
  const [first] = reader._bytes(size);
  return size == 1 && type == 0 && first == 0 ? undefined : { type };
};

const readArray = (reader: Reader, length: number): unknown[] => {
  const values = [];
  while (length-- > 0) values.push(readValue(reader));
  return values;
};

const readMap = (reader: Reader, length: number): Pairs => {
  const pairs = new Pairs();
  while (length-- > 0) pairs.push([readValue(reader), readValue(reader)]);
  return pairs;
};
