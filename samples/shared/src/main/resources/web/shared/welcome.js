/** A dialog that prompts for a name. */
import { drawing, element } from "./dom.js";
import { nameProblem, suggestName } from "./names.js";

const AGAIN = "M20 12a8 8 0 1 1-2.5-5.8M20 3v4.5h-4.5";

export class Welcome {
  #input = element("input", {
    id: "name",
    autocomplete: "nickname",
    spellcheck: "false",
    "aria-describedby": "name-error",
  });
  #error = element("p", { id: "name-error", class: "error", role: "alert", hidden: true });
  #enter = element("button", { type: "submit", class: "primary" });
  #start;
  #dialog;
  #canClose = false;

  /**
   * @param texts `title`, `question`, and `start` for the button
   * @param logo an element above the title, or null
   * @param enter `enter(name)`, called with a valid name
   */
  constructor({ title, question, start }, logo, enter) {
    this.#start = start;
    const again = element(
      "button",
      { type: "button", class: "quiet", title: "Another suggestion", "aria-label": "Another suggestion" },
      drawing(AGAIN),
    );
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
      this.#showError(problem ?? "");
      if (problem) return this.#input.focus();
      this.#dialog.close();
      enter(this.#input.value.trim());
    });
    this.#input.addEventListener("input", () => this.#showError(""));
    again.addEventListener("click", () => {
      this.#input.value = suggestName();
      this.#showError("");
      this.#input.select();
    });
    // The page is unusable without a name, so the first dialog cannot be cancelled.
    this.#dialog.addEventListener("cancel", (event) => this.#canClose || event.preventDefault());
    this.#dialog.addEventListener(
      "click",
      (event) => event.target === this.#dialog && this.#canClose && this.#dialog.close(),
    );
  }

  /** @param name the current name when changing it, otherwise null */
  open(name = null) {
    this.#canClose = name !== null;
    this.#enter.textContent = name === null ? this.#start : "Change name";
    this.#input.value = name ?? suggestName();
    this.#showError("");
    this.#dialog.showModal();
    this.#input.select();
  }

  #showError(problem) {
    this.#error.textContent = problem;
    this.#error.hidden = problem === "";
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
  }
}
