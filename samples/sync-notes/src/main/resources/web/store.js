/** A notebook in the browser's storage, for one tab at a time: the caller holds a lock on it. */
import { emptyNotebook, isNotebook } from "./notebook.js";

export class Store {
  #key;
  #storage;
  #notebook;

  /** Throws if what is kept cannot be read, and leaves it as it is: somebody may have edits in there. */
  constructor(list, device, storage = localStorage) {
    this.#key = `sync-notes/${encodeURIComponent(list)}/${encodeURIComponent(device)}`;
    this.#storage = storage;
    const kept = storage.getItem(this.#key);
    this.#notebook = kept === null ? emptyNotebook(list) : read(kept, list);
  }

  get notebook() {
    return this.#notebook;
  }

  /** Makes it what `change` makes of it. What could not be stored, because there is no room, is not shown either. */
  update(change) {
    const changed = change(this.#notebook);
    this.#storage.setItem(this.#key, JSON.stringify(changed)); // one write: the cursor and what was pulled up to it
    this.#notebook = changed;
  }
}

function read(kept, list) {
  let notebook = null;
  try {
    notebook = JSON.parse(kept);
  } catch {
    // not even JSON: said below
  }
  if (isNotebook(notebook, list)) return notebook;
  throw new Error("what this browser keeps of the list cannot be read");
}
