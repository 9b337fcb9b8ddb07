package dev.live.protocol

import kotlin.jvm.JvmField
import kotlin.jvm.JvmStatic

/**
 * The reason why a request failed: the `code` of an `error` message. An error ends the request, never the connection.
 *
 * @property wire the code as sent on the wire
 * @property isWorthRetrying whether the same request may succeed later without a change
 */
public class ErrorCode private constructor(public val wire: String, public val isWorthRetrying: Boolean) {
    override fun equals(other: Any?): Boolean = other is ErrorCode && wire == other.wire

    override fun hashCode(): Int = wire.hashCode()

    override fun toString(): String = wire

    public companion object {
        /** The message cannot be decoded, has no `type`, or has both `body` and `data`. */
        @JvmField
        public val BadMessage: ErrorCode = ErrorCode("bad_message", isWorthRetrying = false)

        /** The server has no handler for this `type`. */
        @JvmField
        public val UnknownType: ErrorCode = ErrorCode("unknown_type", isWorthRetrying = false)

        /** The topic matches no declared topic pattern. */
        @JvmField
        public val UnknownTopic: ErrorCode = ErrorCode("unknown_topic", isWorthRetrying = false)

        /** The session is not allowed to do this. */
        @JvmField
        public val Forbidden: ErrorCode = ErrorCode("forbidden", isWorthRetrying = false)

        /** The session must subscribe to the topic before it publishes to it. */
        @JvmField
        public val NotSubscribed: ErrorCode = ErrorCode("not_subscribed", isWorthRetrying = false)

        /** The payload exceeds the topic's size limit. */
        @JvmField
        public val TooLarge: ErrorCode = ErrorCode("too_large", isWorthRetrying = false)

        /** The session sent too many messages. The error contains the delay before a retry. */
        @JvmField
        public val RateLimited: ErrorCode = ErrorCode("rate_limited", isWorthRetrying = true)

        /** The session has reached its maximum number of subscriptions. */
        @JvmField
        public val TooManyTopics: ErrorCode = ErrorCode("too_many_topics", isWorthRetrying = false)

        /** The payload does not match the type that the topic declares. The reason names the field. */
        @JvmField
        public val BadPayload: ErrorCode = ErrorCode("bad_payload", isWorthRetrying = false)

        /** The handler failed. The reason contains a log id. */
        @JvmField
        public val Internal: ErrorCode = ErrorCode("internal", isWorthRetrying = true)

        /** No reply arrived in time. The request may or may not have been executed. */
        @JvmField
        public val Timeout: ErrorCode = ErrorCode("timeout", isWorthRetrying = true)

        /** Every code of the protocol. */
        @JvmField
        public val All: List<ErrorCode> =
            listOf(
                BadMessage,
                UnknownType,
                UnknownTopic,
                Forbidden,
                NotSubscribed,
                TooLarge,
                RateLimited,
                TooManyTopics,
                BadPayload,
                Internal,
                Timeout,
            )

        private val byWire = All.associateBy { it.wire }

        /** The error code with the text [wire]. An unknown code keeps its text and is not worth a retry. */
        @JvmStatic
        public fun of(wire: String): ErrorCode = byWire[wire] ?: ErrorCode(wire, isWorthRetrying = false)
    }
}
