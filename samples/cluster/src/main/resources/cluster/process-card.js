import { element } from "./shared/dom.js";

/** The state of one process, with one button that is also a key. */
export class ProcessCard {
  #status = element("span", { class: "status", role: "status" }, "starting");
  #details = element("span", { class: "details" });
  #label = element("span");
  #button;
  #press = () => {};

  constructor(title, key) {
    this.#button = element("button", { type: "button", class: "action" }, this.#label, " ", element("kbd", {}, key));
    this.#button.addEventListener("click", () => this.#press());
    this.node = element(
      "article",
      { class: "process", "aria-label": title },
      element("h2", {}, element("span", { class: "dot" }), title),
      this.#status,
      this.#details,
      this.#button,
    );
  }

  /**
   * @param state selects the color
   * @param press called when the button is pressed
   */
  show(state, status, details, label, press) {
    this.node.dataset.state = state;
    this.#press = press;
    for (const [node, text] of [
      [this.#status, status.replace("_", " ")],
      [this.#details, details],
      [this.#label, label],
    ])
      if (node.textContent !== text) node.textContent = text; // a screen reader would announce it again
  }
}
