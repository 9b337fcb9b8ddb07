package dev.live.protocol

/**
 * What the first character of a [Message.ref] says, where it says something. Every other ref is the application's own.
 */
public object RefPrefix {
    /** A ref that a client library made; never used twice on one connection, and never an idempotency key. */
    public const val CLIENT: String = "~"

    /** A ref that the server made: what carries it to a client is a request, and its answer carries it back. */
    public const val SERVER: String = "$"

    /** The rest of the ref is an idempotency key, which stands for one operation however often it is asked for. */
    public const val KEY: String = "="
}
