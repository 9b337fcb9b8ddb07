package dev.live.client.java

/** Something that goes on until it is closed. Closing twice is harmless. */
public fun interface Subscription : AutoCloseable {
    /** Ends it. A callback that is running goes on to its end; no other begins. Does not block. */
    override fun close()
}
