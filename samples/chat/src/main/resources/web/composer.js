/** The message input. It keeps one draft per room, so that no input is lost. */
import { MAX_TEXT } from "./limits.js";
import { byId } from "./shared/dom.js";

const COUNT_FROM = MAX_TEXT - 200;

export class Composer {
  #form = byId("composer");
  #input = byId("text");
  #counter = byId("counter");
  #error = byId("text-error");
  #send;
  #room = null;
  #drafts = new Map();

  /** @param send `send(text)` returns an error text, or null if the text was accepted */
  constructor(send) {
    this.#send = send;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => {
      // During IME composition, Enter selects a candidate.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => {
      this.#showError("");
      this.#measure();
    });
  }

  open(room) {
    if (this.#room !== null) this.#drafts.set(this.#room, this.#input.value);
    this.#room = room;
    this.#input.placeholder = `Message #${room}`;
    this.#put(this.#drafts.get(room) ?? "");
    this.#showError("");
  }

  forget(room) {
    this.#drafts.delete(room);
    if (room === this.#room) this.#room = null;
  }

  focus() {
    this.#input.focus();
  }

  /** Returns a rejected text to the draft for editing. Returns false if the draft is not empty. */
  restoreDraft(room, text, problem) {
    const draft = room === this.#room ? this.#input.value : (this.#drafts.get(room) ?? "");
    if (draft.trim() !== "") return false;
    if (room === this.#room) {
      this.#put(text);
      this.#showError(problem);
    } else {
      this.#drafts.set(room, text);
    }
    return true;
  }

  #submit() {
    const text = this.#input.value.trim();
    if (text === "") return;
    const problem = text.length > MAX_TEXT ? tooLong(text.length) : this.#send(text);
    if (problem) return this.#showError(problem);
    this.#put("");
    this.#showError("");
  }

  #put(text) {
    this.#input.value = text;
    this.#measure();
  }

  #measure() {
    const length = this.#input.value.trim().length;
    this.#counter.hidden = length < COUNT_FROM;
    this.#counter.textContent = `${length.toLocaleString("en")} / ${MAX_TEXT.toLocaleString("en")}`;
    this.#counter.classList.toggle("over", length > MAX_TEXT);
    this.#input.style.height = "auto"; // lets the height shrink
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }

  #showError(problem) {
    this.#error.textContent = problem;
    this.#error.hidden = problem === "";
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
  }
}

function tooLong(length) {
  const [is, limit, over] = [length, MAX_TEXT, length - MAX_TEXT].map((n) => n.toLocaleString("en"));
  return `Not sent: the text has ${is} characters, ${over} over the limit of ${limit}. Shorten it and send again.`;
}
