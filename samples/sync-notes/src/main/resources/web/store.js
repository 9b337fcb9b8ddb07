/** A notebook in the browser's storage. The caller must hold a lock, so that only one tab uses it. */
import { emptyNotebook, isNotebook } from "./notebook.js";

export class Store {
  #key;
  #storage;
  #notebook;

  /** Throws if the stored value is invalid, and does not change it, because it may contain edits. */
  constructor(list, device, storage = localStorage) {
    this.#key = `sync-notes/${encodeURIComponent(list)}/${encodeURIComponent(device)}`;
    this.#storage = storage;
    const kept = storage.getItem(this.#key);
    this.#notebook = kept === null ? emptyNotebook(list) : read(kept, list);
  }

  get notebook() {
    return this.#notebook;
  }

  /** Applies `change`. If the storage is full, it throws and the notebook stays unchanged. */
  update(change) {
    const changed = change(this.#notebook);
    this.#storage.setItem(this.#key, JSON.stringify(changed)); // one write for the cursor and the changes up to it
    this.#notebook = changed;
  }
}

function read(kept, list) {
  let notebook = null;
  try {
    notebook = JSON.parse(kept);
  } catch {
    // invalid JSON: reported below
  }
  if (isNotebook(notebook, list)) return notebook;
  throw new Error("the stored list is invalid");
}
