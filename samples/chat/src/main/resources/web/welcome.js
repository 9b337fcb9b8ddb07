/** Asks for a name. */
import { byId } from "./dom.js";
import { nameProblem, suggestName } from "./people.js";

export class Welcome {
  #dialog = byId("welcome");
  #input = byId("name");
  #error = byId("name-error");
  #canClose = false;

  /** @param enter `enter(name)`: the name is good */
  constructor(enter) {
    byId("welcome-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const problem = nameProblem(this.#input.value);
      this.#say(problem ?? "");
      if (problem) return this.#input.focus();
      this.#dialog.close();
      enter(this.#input.value.trim());
    });
    this.#input.addEventListener("input", () => this.#say(""));
    byId("another-name").addEventListener("click", () => {
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
    byId("enter").textContent = name === null ? "Start chatting" : "Change name";
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
