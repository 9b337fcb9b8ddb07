/** Asks for a name. */
import { drawing, element } from "./dom.js";
import { nameProblem, suggestName } from "./names.js";

const AGAIN = "M20 12a8 8 0 1 1-2.5-5.8M20 3v4.5h-4.5";

export class Welcome {
  #input = element("input", { id: "name", autocomplete: "nickname", spellcheck: "false", "aria-describedby": "name-error" });
  #error = element("p", { id: "name-error", class: "error", role: "alert", hidden: true });
  #enter = element("button", { type: "submit", class: "primary" });
  #start;
  #dialog;
  #canClose = false;

  /**
   * @param texts `title`, `question`, and `start` for the button
   * @param logo an element above the title, or null
   * @param enter `enter(name)`: the name is good
   */
  constructor({ title, question, start }, logo, enter) {
    this.#start = start;
    const again = element("button", { type: "button", class: "quiet", title: "Another suggestion", "aria-label": "Another suggestion" }, drawing(AGAIN));
    const form = element(
      "form",
      { novalidate: true },
      logo,
      element("h1", { id: "welcome-title" }, title),
      element("p", {}, question),
      element("label", { class: "sr-only", for: "name" }, "Your name"),
      element("div", { class: "field" }, this.#input, again),
      this.#error,
      this.#enter,
    );
    this.#dialog = element("dialog", { id: "welcome", "aria-labelledby": "welcome-title" }, form);
    document.body.append(this.#dialog);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const problem = nameProblem(this.#input.value);
      this.#say(problem ?? "");
      if (problem) return this.#input.focus();
      this.#dialog.close();
      enter(this.#input.value.trim());
    });
    this.#input.addEventListener("input", () => this.#say(""));
    again.addEventListener("click", () => {
      this.#input.value = suggestName();
      this.#say("");
      this.#input.select();
    });
    // Without a name there is nothing behind the dialog to go back to.
    this.#dialog.addEventListener("cancel", (event) => this.#canClose || event.preventDefault());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#canClose && this.#dialog.close());
  }

  /** @param name the present one, if it is to be changed */
  open(name = null) {
    this.#canClose = name !== null;
    this.#enter.textContent = name === null ? this.#start : "Change name";
    this.#input.value = name ?? suggestName();
    this.#say("");
    this.#dialog.showModal();
    this.#input.select();
  }

  #say(problem) {
    this.#error.textContent = problem;
    this.#error.hidden = problem === "";
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
  }
}
