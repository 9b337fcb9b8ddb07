/** One user: avatar, devices and current signal. */
import { avatar, tint } from "./shared/avatar.js";
import { drawing, element } from "./shared/dom.js";

const COMPUTER = "M3 5h18v11H3zM9 20h6M12 16v4";
const HAND =
  "M8 14V6.5a1.5 1.5 0 0 1 3 0V11M11 11V4.5a1.5 1.5 0 0 1 3 0V11M14 11V6a1.5 1.5 0 0 1 3 0v8.5a6 6 0 0 1-6 6c-2.6 0-4.2-1.1-5.3-3L4 14.4c-.6-1.3.9-2.4 1.9-1.4L8 15";
const PHONE = "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2";

export class PersonCard {
  #devices = element("p", { class: "devices" });
  #signal = element("span", { class: "signal" });
  #drawn = "";

  constructor(name, isMe) {
    const disc = element("div", { class: "disc" }, avatar(name), this.#signal);
    const title = element(
      "p",
      { class: "name" },
      element("span", { dir: "auto" }, name),
      isMe && element("span", { class: "you" }, "you"),
    );
    this.node = tint(
      element("li", { class: isMe ? "person me" : "person", "data-name": name }, disc, title, this.#devices),
      name,
    );
  }

  /** Updates only changed elements: it runs for every keystroke in the room. */
  update(devices, signal) {
    const state = JSON.stringify([devices, signal]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    const phones = devices.filter((device) => device?.kind === "phone").length;
    const icons = devices.slice(0, 4).map((device) => drawing(device?.kind === "phone" ? PHONE : COMPUTER));
    this.#devices.replaceChildren(
      ...icons,
      element("span", {}, devices.length === 1 ? (phones === 1 ? "phone" : "computer") : `${devices.length} devices`),
    );
    this.node.dataset.signal = signal ?? "";
    const dots = [1, 2, 3].map(() => element("i"));
    this.#signal.replaceChildren(...(signal === "typing" ? dots : signal === "wave" ? [drawing(HAND)] : []));
    this.#signal.hidden = signal === null;
  }
}
