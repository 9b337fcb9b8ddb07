package dev.live.protocol

import kotlin.jvm.JvmField
import kotlin.jvm.JvmStatic

/**
 * Why a request was refused: the `code` of an `error` message. An error ends the request, never the connection.
 *
 * @property wire the code as it is written on the wire
 * @property isWorthRetrying whether the same request may succeed later, unchanged
 */
public class ErrorCode private constructor(public val wire: String, public val isWorthRetrying: Boolean) {
    override fun equals(other: Any?): Boolean = other is ErrorCode && wire == other.wire

    override fun hashCode(): Int = wire.hashCode()

    override fun toString(): String = wire

    public companion object {
        /** Cannot be decoded, has no `type`, or has both `body` and `data`. */
        @JvmField
        public val BadMessage: ErrorCode = ErrorCode("bad_message", isWorthRetrying = false)

        /** No handler for this `type`. */
        @JvmField
        public val UnknownType: ErrorCode = ErrorCode("unknown_type", isWorthRetrying = false)

        /** Nothing declared matches the topic. */
        @JvmField
        public val UnknownTopic: ErrorCode = ErrorCode("unknown_topic", isWorthRetrying = false)

        /** The session may not do this. */
        @JvmField
        public val Forbidden: ErrorCode = ErrorCode("forbidden", isWorthRetrying = false)

        /** Publishing to a topic takes a subscription to it. */
        @JvmField
        public val NotSubscribed: ErrorCode = ErrorCode("not_subscribed", isWorthRetrying = false)

        /** The payload is over the topic's limit. */
        @JvmField
        public val TooLarge: ErrorCode = ErrorCode("too_large", isWorthRetrying = false)

        /** Too many messages; the error says when to try again. */
        @JvmField
        public val RateLimited: ErrorCode = ErrorCode("rate_limited", isWorthRetrying = true)

        /** The session has joined as many topics as it may. */
        @JvmField
        public val TooManyTopics: ErrorCode = ErrorCode("too_many_topics", isWorthRetrying = false)

        /** The payload is not what the topic's type says; the reason names the field. */
        @JvmField
        public val BadPayload: ErrorCode = ErrorCode("bad_payload", isWorthRetrying = false)

        /** The handler failed; the reason carries a log id. */
        @JvmField
        public val Internal: ErrorCode = ErrorCode("internal", isWorthRetrying = true)

        /** Nothing answered in time; whether the request was carried out is not known. */
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

        /** The code written as [wire]; one that this version does not know is kept as it is, and not worth a retry. */
        @JvmStatic
        public fun of(wire: String): ErrorCode = byWire[wire] ?: ErrorCode(wire, isWorthRetrying = false)
    }
}
