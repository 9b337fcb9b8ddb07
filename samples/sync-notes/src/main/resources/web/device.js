/** One device: a notebook, a connection and their view. */
import { arrange, drawing, element } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { backoffDelay } from "./shared/reconnect.js";
import { MAX_BATCH, MAX_TEXT, reset, applied, cleaned, edited, shown } from "./notebook.js";
import { Store } from "./store.js";
import { SyncLoop, cursorIn } from "./sync-loop.js";

const PLANE = "M3 13l8-2V5a1.5 1.5 0 0 1 3 0v6l7 3v2l-7-1.5V18l2 1.5V21l-3.5-1L9 21v-1.5l2-1.5v-3l-8 .5z";
const BIN = "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13";
const WORDS = { live: "Live", behind: "Behind", offline: "Offline" };
const REMEDY =
  "Clear the site data in the browser and reload the page (pending edits are lost), or open another device with ?device=Tablet.";
const PULL_TIMEOUT_MS = 10_000;

export class Device {
  #name;
  #list;
  #store = null;
  #live;
  #loop;
  #root;
  #word = element("span", { class: "phase-word", role: "status" }, "Offline");
  #note = element("p", { class: "note", role: "status", hidden: true });
  #pendingCount = element("p", { class: "waiting", role: "status" });
  #notes = element("ol", { class: "notes", "aria-label": "Notes" });
  #empty = element("p", { class: "empty" }, "No notes yet.");
  #form;
  #input;
  #offline;
  #rejection = "";
  #rows = new Map(); // id -> { text, author, isPending, node }

  /** @param root the element of the device; its label is the device name */
  constructor(root, { list, url }) {
    this.#root = root;
    this.#name = root.getAttribute("aria-label");
    this.#list = list;
    const topic = `sync:${list}`;
    this.#loop = new SyncLoop({
      cursor: () => this.#store.notebook.cursor,
      pull: (signal) => this.#pull(signal),
      backoff: (attempt) => backoffDelay(attempt, { baseMs: 250, maxMs: 5_000 }),
      changed: (state) => this.#showState(state),
    });
    this.#live = new LiveClient(url, {
      state: ({ kind }) => kind !== "connected" && this.#loop.lost(),
      subscribed: (_, recovery, missed, welcome) => this.#subscribed(cursorIn(welcome)),
      customMessage: (_, type, data) => type === "sync" && this.#loop.advanced(cursorIn(data)),
      rejected: (_, error) =>
        this.#showNote((this.#rejection = `The server rejected the subscription to this list: ${error.message}`)),
    });
    this.#live.subscribe(topic);
    this.#build();
    this.#open();
  }

  /** Opens the store under a lock: two tabs with one store would overwrite each other's edits. */
  #open() {
    if (!navigator.locks)
      return this.#showNote("This page needs HTTPS or http://localhost, because browsers offer locks only there.");
    this.#showNote(`${this.#name} is open in another tab. Close the other tab to continue here.`);
    const opened = navigator.locks.request(`sync-notes/${this.#list}/${this.#name}`, () => {
      this.#store = new Store(this.#list, this.#name);
      this.#draw();
      this.#showNote("");
      for (const control of [this.#input, this.#offline, this.#form.querySelector("button")]) control.disabled = false;
      this.#goOnline();
      return new Promise(() => {}); // until the tab is closed
    });
    opened.catch((error) => this.#showNote(`${this.#name} cannot be opened: ${error.message}. ${REMEDY}`));
  }

  #subscribed(cursor) {
    if (this.#note.textContent === this.#rejection) this.#showNote("");
    this.#loop.subscribed(cursor);
  }

  #build() {
    this.#input = element("input", {
      autocomplete: "off",
      maxlength: String(MAX_TEXT),
      placeholder: "A note",
      "aria-label": `New note on ${this.#name}`,
      disabled: true,
    });
    this.#form = element(
      "form",
      { novalidate: true, class: "field" },
      this.#input,
      element("button", { type: "submit", "aria-label": "Add", disabled: true }, drawing("M12 5v14M5 12h14")),
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = cleaned(this.#input.value);
      if (text === "") return this.#input.focus();
      if (this.#save(crypto.randomUUID(), text)) this.#input.value = "";
    });
    this.#offline = element(
      "button",
      { type: "button", class: "tool", "aria-pressed": "false", disabled: true, onclick: () => this.#toggle() },
      drawing(PLANE),
      "Offline",
    );
    this.#root.append(
      element(
        "header",
        {},
        element("h2", {}, this.#name),
        element("p", { class: "phase" }, element("span", { class: "dot" }), this.#word),
      ),
      element("div", { class: "screen" }, this.#note, this.#empty, this.#notes),
      this.#form,
      element("footer", {}, this.#offline, this.#pendingCount),
    );
    this.#showState({ phase: "offline", error: null });
  }

  #toggle() {
    if (this.#offline.getAttribute("aria-pressed") === "true") return this.#goOnline();
    this.#offline.setAttribute("aria-pressed", "true");
    this.#loop.stop();
    this.#live.stop();
  }

  #goOnline() {
    this.#offline.setAttribute("aria-pressed", "false");
    this.#loop.start();
    this.#live.connect();
  }

  /** Stores and sends an edit. Returns false if the storage is full. */
  #save(noteId, text, deleted = false) {
    const edit = { changeId: crypto.randomUUID(), noteId, text, deleted, author: this.#name };
    try {
      this.#store.update((notebook) => edited(notebook, edit));
    } catch (error) {
      this.#showNote(`Not saved: ${error.message}`);
      return false;
    }
    this.#draw();
    this.#loop.pullNow();
    return true;
  }

  /**
   * Sends the pending edits, then pulls changes. An edit stays pending until the pull returns its change, so that the
   * tab can be closed at any point.
   */
  async #pull(signal) {
    try {
      const { cursor, pending } = this.#store.notebook;
      for (let at = 0; at < pending.length; at += MAX_BATCH) {
        await fetchJson("changes", signal, {
          scope: this.#list,
          since: cursor,
          edits: pending.slice(at, at + MAX_BATCH),
        });
      }
      let page;
      do {
        page = await fetchJson(
          `changes?${new URLSearchParams({ scope: this.#list, since: this.#store.notebook.cursor })}`,
          signal,
        );
        this.#store.update((notebook) => applied(notebook, page));
        this.#draw();
      } while (page.more);
    } catch (error) {
      if (error.code === "ahead_of_log") {
        this.#store.update(reset);
        this.#loop.forget();
      }
      throw error;
    }
  }

  #showState({ phase, error }) {
    this.#root.dataset.phase = phase;
    if (this.#word.textContent !== WORDS[phase]) this.#word.textContent = WORDS[phase];
    this.#root.title = error ?? "";
  }

  #showNote(text) {
    this.#note.textContent = text;
    this.#note.hidden = text === "";
  }

  #draw() {
    const notes = shown(this.#store.notebook);
    const pending = this.#store.notebook.pending.length;
    const text = pending === 0 ? "No edits pending" : `${pending} pending`;
    if (this.#pendingCount.textContent !== text) this.#pendingCount.textContent = text;
    this.#empty.hidden = notes.length > 0;
    const rows = notes.map((note) => {
      const drawn = this.#rows.get(note.id);
      const isSame =
        drawn && drawn.text === note.text && drawn.author === note.author && drawn.isPending === note.isPending;
      return isSame ? drawn : { ...note, node: this.#row(note, drawn?.node) };
    });
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    arrange(
      this.#notes,
      rows.map((row) => row.node),
    );
  }

  /** The row of a note. It reuses the existing element, which may have the focus. */
  #row({ id, text, author, isPending }, drawn) {
    const node = drawn ?? this.#newRow(id);
    const field = node.querySelector("input");
    node.dataset.text = text;
    node.className = isPending ? "pending" : "";
    node.querySelector(".author").textContent = isPending ? `${author}, pending` : author;
    node.querySelector("button").setAttribute("aria-label", `Delete ${text}`);
    if (document.activeElement !== field) field.value = text;
    return node;
  }

  #newRow(id) {
    const node = element("li", {});
    const field = element("input", {
      "aria-label": "Note",
      autocomplete: "off",
      maxlength: String(MAX_TEXT),
      dir: "auto",
    });
    const done = () => {
      const text = cleaned(field.value);
      if (text === "" || text === node.dataset.text || !node.isConnected) field.value = node.dataset.text;
      else this.#save(id, text);
    };
    field.addEventListener("change", done);
    field.addEventListener("blur", () => (field.value = node.dataset.text));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") field.value = node.dataset.text;
      if (event.key === "Enter" || event.key === "Escape") field.blur();
    });
    node.append(
      field,
      element("span", { class: "author" }),
      element("button", { type: "button", class: "bin", onclick: () => this.#save(id, "", true) }, drawing(BIN)),
    );
    return node;
  }
}

/** Sends a request to the engine; rejects with the code and reason of an error. */
async function fetchJson(path, signal, body = undefined) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, {
    ...options,
    signal: AbortSignal.any([signal, AbortSignal.timeout(PULL_TIMEOUT_MS)]),
  });
  const json = await response.json().catch(() => null);
  if (response.ok && json !== null) return json;
  throw Object.assign(new Error(json?.reason ?? `the server responded with status ${response.status}`), {
    code: json?.error,
  });
}
