package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.ExpiringData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import java.util.concurrent.atomic.AtomicBoolean

/**
 * When a session's token expires, in the server's milliseconds.
 *
 * @param warnAt when the client is notified, once
 */
internal class Expiry(val at: Long, private val warnAt: Long) {
    /**
     * Whether the expiry was handled: by the end of the session or by a new token. The sweeper and the reader may race.
     */
    private val isClaimed = AtomicBoolean()

    /**
     * Whether the client was notified. Written by the sweeper, and by the reader before the sweeper sees this object.
     */
    @Volatile
    var isNotified = false

    /** Returns true for the first caller only. */
    fun claim(): Boolean = isClaimed.compareAndSet(false, true)

    /**
     * Keeps [old]'s notification if this token expires no later; otherwise the client would be notified again and
     * again.
     */
    fun inheritNotification(old: Expiry) {
        isNotified = old.isNotified && at <= old.at + CLOCK_TOLERANCE_MILLIS
    }

    /** Whether the client has to be notified now. */
    fun isWarningDue(now: Long): Boolean = !isNotified && now >= warnAt

    /** The message that notifies the client. */
    fun message(now: Long): Message = Message(MessageType.EXPIRING, body = Body.of(ExpiringData(at - now)))

    companion object {
        const val TOKEN_EXPIRED = "token expired"

        /**
         * The remaining time is computed anew for each token, from two clocks that are not read at the same instant.
         */
        private const val CLOCK_TOLERANCE_MILLIS = 100L
    }
}
