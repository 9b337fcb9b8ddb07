/** Shows how the connection is: a word at the top, and a strip with the way out while there is none. */
import { element } from "./dom.js";

const PATIENCE_MS = 1_200; // a first connection that is quicker needs no strip

const ENDED = {
  4403: "The server has thrown you out.",
  4401: "The server does not know you any more.",
  4400: "The server did not understand this page. Reloading it may help.",
};

export class ConnectionView {
  #pill;
  #word = element("span", { class: "connection-word", role: "status" }, "Connecting");
  #strip;
  #text = element("span", { class: "strip-text" });
  #countdown = element("span", { class: "strip-countdown", "aria-hidden": "true" });
  #button;
  #ended;
  #state = { kind: "connecting" };
  #wasConnected = false;
  #timer;

  /**
   * @param pill the element that the word goes into
   * @param strip the element that comes and goes
   * @param tryNow called when somebody is tired of waiting
   * @param ended what to say at a close code after which nobody comes back by itself
   * @param joinAgain what the button says then
   */
  constructor({ pill, strip, tryNow, ended = {}, joinAgain = "Connect again" }) {
    this.#pill = pill;
    this.#strip = strip;
    this.#ended = { ...ENDED, ...ended };
    this.#button = element("button", { type: "button", onclick: tryNow }, "Try now");
    this.#button.dataset.again = joinAgain;
    pill.append(element("span", { class: "dot" }), this.#word);
    strip.append(element("p", {}, this.#text, " ", this.#countdown), this.#button);
    for (const event of ["online", "offline"]) addEventListener(event, () => this.draw(this.#state));
  }

  draw(state) {
    this.#state = state;
    clearInterval(this.#timer);
    this.#wasConnected ||= state.kind === "connected";
    this.#countdown.textContent = "";
    this[`_${state.kind}`](state);
  }

  _connected() {
    this.#show("connected", "Connected", null);
  }

  _connecting() {
    const again = this.#wasConnected || !this.#strip.hidden;
    this.#show("connecting", again ? "Reconnecting" : "Connecting", again ? "Connecting again…" : null);
    if (!again) this.#timer = setInterval(() => this.#show("connecting", "Connecting", "Connecting…"), PATIENCE_MS);
  }

  _waiting({ retryAt }) {
    // Only a hint: a machine without a network can still reach a server of its own, so trying goes on.
    const offline = !navigator.onLine;
    const what = offline ? "This device seems to be offline." : this.#wasConnected ? "Connection lost." : "The server cannot be reached.";
    this.#show(offline ? "offline" : "waiting", offline ? "Offline" : "Reconnecting", what);
    const count = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      this.#countdown.textContent = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
    };
    count();
    this.#timer = setInterval(count, 250);
  }

  _stopped({ code }) {
    this.#show("stopped", "Disconnected", this.#ended[code] ?? "The server ended the session.");
  }

  #show(kind, word, text) {
    this.#pill.dataset.state = kind;
    // The word is a live region: writing the same again would be announced again.
    if (this.#word.textContent !== word) this.#word.textContent = word;
    this.#strip.hidden = text === null;
    this.#strip.dataset.state = kind;
    this.#text.textContent = text ?? "";
    this.#button.hidden = kind === "connecting";
    this.#button.textContent = kind === "stopped" ? this.#button.dataset.again : "Try now";
  }
}
