package dev.live.client.java

/** The registration of a callback, until it is closed. May be closed more than once. */
public fun interface Subscription : AutoCloseable {
    /** Removes the callback. A running call completes; no further call starts. Does not block. */
    override fun close()
}
