/**
 * What a device keeps of one list. Pure: functions from one notebook to the next, so that whoever keeps it writes all of
 * it at once. No DOM here, and no storage.
 *
 * `{list, cursor, notes: [{id, text, author}], pending: [edit]}`: the notes as of the cursor, and the edits whose own
 * change has not come back yet, in the order in which they were typed.
 */
export const MAX_TEXT = 2_000;
export const MAX_BATCH = 100;
export const MAX_AUTHOR = 40;
const MAX_LIST = 100;
const MAX_LIST_BYTES = 250;

export function emptyNotebook(list) {
  return { list, cursor: 0, notes: [], pending: [] };
}

/** Whether it has the parts of a notebook of `list`. */
export function isNotebook(value, list) {
  return value?.list === list && Number.isSafeInteger(value.cursor) && value.cursor >= 0 && Array.isArray(value.notes) && Array.isArray(value.pending);
}

/** The notes with what is pending on top, each `{id, text, author, isPending}`. */
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

/** With what `page` brought: its changes, its cursor, and without the edits that have come back. Throws at a gap. */
export function applied(notebook, page) {
  const notes = new Map(notebook.notes.map((note) => [note.id, note]));
  let cursor = notebook.cursor;
  for (const { sequence, noteId, text, author = "", deleted = false } of page.changes) {
    if (sequence <= cursor) continue; // here already
    if (sequence !== cursor + 1) throw new Error(`the server left out change ${cursor + 1} of '${notebook.list}'`);
    cursor = sequence;
    if (deleted) notes.delete(noteId);
    else notes.set(noteId, { id: noteId, text, author }); // a note that is there keeps its place
  }
  const back = new Set(page.changes.map((change) => change.changeId));
  return { ...notebook, cursor, notes: [...notes.values()], pending: notebook.pending.filter((edit) => !back.has(edit.changeId)) };
}

/** As before the first pull, with what is still to be sent: the server's log is another one now. */
export function anew(notebook) {
  return { ...notebook, cursor: 0, notes: [] };
}

/** What somebody typed as the server takes it: anything else would be refused, and hold up what is typed after it. */
export function cleaned(text, length = MAX_TEXT) {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]/gu, " ").trim().slice(0, length).toWellFormed().replaceAll("\uFFFD", "?");
}

/** A list's name as the server takes it, cut off at the end where it is too long. */
export function cleanedList(name) {
  let cut = "";
  for (const character of name.toWellFormed().replace(/\p{Cc}/gu, " ").replaceAll("\uFFFD", "?").trim()) {
    const longer = cut + character;
    if (longer.length > MAX_LIST || new TextEncoder().encode(longer).length > MAX_LIST_BYTES) break;
    cut = longer;
  }
  return cut.trim();
}
