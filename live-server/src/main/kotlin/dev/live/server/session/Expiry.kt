package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.ExpiringData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import java.util.concurrent.atomic.AtomicBoolean

/**
 * When the token behind a session runs out, in the server's milliseconds.
 *
 * @param warnAt when the client is told so, once
 */
internal class Expiry(val at: Long, private val warnAt: Long) {
    /** Whether it came to an end: the session's, or a fresh token. Sweeper and reader may be at it together. */
    private val isSettled = AtomicBoolean()

    /** Whether the client was told. Written by the sweeper, and by the reader before the sweeper sees this. */
    @Volatile
    var isAnnounced = false

    /** True once, for whoever comes first. */
    fun settle(): Boolean = isSettled.compareAndSet(false, true)

    /** Takes the place of [old]. A token that lasts no longer is no news: telling that again would go on and on. */
    fun replaces(old: Expiry) {
        isAnnounced = old.isAnnounced && at <= old.at + SAME_MILLIS
    }

    /** Whether it is time to tell the client. */
    fun isDue(now: Long): Boolean = !isAnnounced && now >= warnAt

    /** What the client is told. */
    fun message(now: Long): Message = Message(MessageType.EXPIRING, body = Body.of(ExpiringData(at - now)))

    companion object {
        const val RAN_OUT = "the token ran out"

        /** The time that is left is reckoned anew for each token, with two clocks that are not read in one instant. */
        private const val SAME_MILLIS = 100L
    }
}
