/**
 * What the server accepts, checked here too so that a person learns of it before sending.
 *
 * Characters are UTF-16 code units, which is what both a JavaScript and a Kotlin `length` count: an emoji is two.
 */
export const MAX_TEXT = 2000;

/** The server's default is 100 topics per session; a person loses sight of their rooms long before. */
export const MAX_ROOMS = 50;
