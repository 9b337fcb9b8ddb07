/**
 * Limits of the server, also checked here before sending.
 *
 * Characters are UTF-16 code units, as counted by `length` in JavaScript and Kotlin: an emoji has two.
 */
export const MAX_TEXT = 2000;

/** The server's default is 100 topics per session; more than 50 rooms are hard to use. */
export const MAX_ROOMS = 50;
