import { type Codec, checked } from "./message.js";

/** The JSON codec, with the subprotocol `live.v1.json`. */
export const json: Codec = {
  subprotocol: "live.v1.json",

  encode({ type, topic, ref, json: data, body }) {
    const text = JSON.stringify({
      type,
      topic,
      ref,
      body: body && btoa(Array.from(body, (byte) => String.fromCharCode(byte)).join("")),
    });
    return data ? `${text.slice(0, -1)},"data":${data}}` : text;
  },

  decode(frame) {
    const message = JSON.parse(frame as string);
    if (message?.body != null) {
      const binary = atob(message.body);
      if (btoa(binary) !== message.body) throw new TypeError("body is not base64"); // atob also accepts unpadded text
      message.body = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    }
    return checked(message);
  },
};
