/** Shows the connection state: a status word at the top, and a strip with a button while disconnected. */
import { element } from "./dom.js";

const STRIP_DELAY_MS = 1_200; // no strip if the first connection is faster

const ENDED = {
  4403: "You were removed by the server.",
  4401: "Your authorization has expired.",
  4400: "The server rejected a message of this page. Reload the page.",
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
   * @param pill the element for the status word
   * @param strip the element for the strip
   * @param tryNow called when the user wants to reconnect immediately
   * @param ended texts by close code, for codes after which the client does not reconnect
   * @param reconnectLabel label of the button after such a close
   */
  constructor({ pill, strip, tryNow, ended = {}, reconnectLabel = "Connect again" }) {
    this.#pill = pill;
    this.#strip = strip;
    this.#ended = { ...ENDED, ...ended };
    this.#button = element("button", { type: "button", onclick: tryNow }, "Try now");
    this.#button.dataset.again = reconnectLabel;
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
    if (!again) this.#timer = setInterval(() => this.#show("connecting", "Connecting", "Connecting…"), STRIP_DELAY_MS);
  }

  _waiting({ retryAt }) {
    // Only a hint: without a network, a local server can still be reached, so the client keeps retrying.
    const offline = !navigator.onLine;
    const what = offline
      ? "This device seems to be offline."
      : this.#wasConnected
        ? "Connection lost."
        : "The server cannot be reached.";
    this.#show(offline ? "offline" : "waiting", offline ? "Offline" : "Reconnecting", what);
    const count = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      this.#countdown.textContent = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
    };
    count();
    this.#timer = setInterval(count, 250);
  }

  _stopped({ code }) {
    this.#show("stopped", "Disconnected", this.#ended[code] ?? "The server closed the connection.");
  }

  #show(kind, word, text) {
    this.#pill.dataset.state = kind;
    // The word is a live region: a screen reader would announce an unchanged text again.
    if (this.#word.textContent !== word) this.#word.textContent = word;
    this.#strip.hidden = text === null;
    this.#strip.dataset.state = kind;
    this.#text.textContent = text ?? "";
    this.#button.hidden = kind === "connecting";
    this.#button.textContent = kind === "stopped" ? this.#button.dataset.again : "Try now";
  }
}
