/**
 * The state of one list on a device. Pure functions from one notebook to the next, so that a store writes it as a
 * whole. No DOM or storage access.
 *
 * `{list, cursor, notes: [{id, text, author}], pending: [edit]}`: the notes as of the cursor, and the pending edits in
 * their order of entry. An edit is pending until its own change is pulled.
 */
export const MAX_TEXT = 2_000;
export const MAX_BATCH = 100;
export const MAX_AUTHOR = 40;
const MAX_LIST = 100;
const MAX_LIST_BYTES = 250;

export function emptyNotebook(list) {
  return { list, cursor: 0, notes: [], pending: [] };
}

/** Whether `value` is a valid notebook of `list`. */
export function isNotebook(value, list) {
  return (
    value?.list === list &&
    Number.isSafeInteger(value.cursor) &&
    value.cursor >= 0 &&
    Array.isArray(value.notes) &&
    Array.isArray(value.pending)
  );
}

/** The notes with the pending edits applied, each `{id, text, author, isPending}`. */
export function shown({ notes, pending }) {
  const all = new Map(notes.map((note) => [note.id, { ...note, isPending: false }]));
  for (const { noteId, text, author, deleted } of pending) {
    if (deleted) all.delete(noteId);
    else all.set(noteId, { id: noteId, text, author, isPending: true });
  }
  return [...all.values()];
}

export function edited(notebook, edit) {
  return { ...notebook, pending: [...notebook.pending, edit] };
}

/** Applies the changes and the cursor of `page`, and removes pending edits that it contains. Throws on a gap. */
export function applied(notebook, page) {
  const notes = new Map(notebook.notes.map((note) => [note.id, note]));
  let cursor = notebook.cursor;
  for (const { sequence, noteId, text, author = "", deleted = false } of page.changes) {
    if (sequence <= cursor) continue; // already applied
    if (sequence !== cursor + 1) throw new Error(`the server omitted change ${cursor + 1} of '${notebook.list}'`);
    cursor = sequence;
    if (deleted) notes.delete(noteId);
    else notes.set(noteId, { id: noteId, text, author }); // an existing note keeps its position
  }
  const back = new Set(page.changes.map((change) => change.changeId));
  return {
    ...notebook,
    cursor,
    notes: [...notes.values()],
    pending: notebook.pending.filter((edit) => !back.has(edit.changeId)),
  };
}

/** Resets cursor and notes, and keeps the pending edits. For a server with a different log. */
export function reset(notebook) {
  return { ...notebook, cursor: 0, notes: [] };
}

/** Converts an input to a text that the server accepts, because a rejected edit would block all later ones. */
export function cleaned(text, length = MAX_TEXT) {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\n\t]/gu, " ")
    .trim()
    .slice(0, length)
    .toWellFormed()
    .replaceAll("\uFFFD", "?");
}

/** Converts an input to a list name that the server accepts. Truncates a long name. */
export function cleanedList(name) {
  let cut = "";
  for (const character of name
    .toWellFormed()
    .replace(/\p{Cc}/gu, " ")
    .replaceAll("\uFFFD", "?")
    .trim()) {
    const longer = cut + character;
    if (longer.length > MAX_LIST || new TextEncoder().encode(longer).length > MAX_LIST_BYTES) break;
    cut = longer;
  }
  return cut.trim();
}
