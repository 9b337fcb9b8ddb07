package dev.live.protocol

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration.Companion.milliseconds

/**
 * The payload of an `error` message.
 *
 * @property code see [ErrorCode]
 * @property reason a short human-readable sentence
 * @property retryAfterMs milliseconds to wait before a retry; null if the error specifies no delay
 */
@Serializable
public class ErrorData(public val code: String, public val reason: String, public val retryAfterMs: Long? = null) {
    /** Converts this payload to an exception. */
    public fun toException(): LiveException = LiveException(ErrorCode.of(code), reason, retryAfterMs?.milliseconds)
}

/**
 * Converts this exception to the `error` message for the message with [ref] on [topic]. Replaces each unpaired
 * surrogate in the code and the reason with U+FFFD, because it has no UTF-8 form.
 */
public fun LiveException.toMessage(topic: String = "", ref: String = ""): Message =
    Message(
        MessageType.ERROR,
        topic,
        ref,
        errorBody(ErrorData(wellFormed(code.wire), wellFormed(reason), retryAfter?.inWholeMilliseconds)),
    )

/** Without the check of [Body.of]: the generated serializer writes valid JSON, and the texts are valid Unicode. */
private fun errorBody(error: ErrorData): Body.Json =
    Body.Json.trusted(PayloadJson.encodeToString(ErrorData.serializer(), error))

/**
 * The payload of a `goodbye` message.
 *
 * @property code the close code of the close frame that follows
 * @property reason a short human-readable sentence
 * @property reconnectInMs the reconnect window: minimum and maximum delay, in milliseconds
 */
@Serializable
public class GoodbyeData(public val code: Int, public val reason: String, public val reconnectInMs: List<Long>)

/**
 * The payload of an `auth` message.
 *
 * @property token the bearer token
 */
@Serializable
public class AuthData(public val token: String) {
    override fun toString(): String = "AuthData" // never the token
}

/**
 * The payload of an `expiring` message.
 *
 * @property inMs milliseconds until the session's token expires
 */
@Serializable
public class ExpiringData(public val inMs: Long)

/**
 * The optional payload of a `subscribe` message.
 *
 * @property since the last position that the client received; requests all messages after it
 * @property params subscribe parameters, defined by the application
 */
@Serializable
public class SubscribeData(
    @Serializable(with = SinceSerializer::class) public val since: Position? = null,
    public val params: JsonElement? = null,
)

/**
 * The payload of the `ack` to a `subscribe`, on topics with history.
 *
 * @property epoch see [Position]
 * @property offset offset of the topic's newest message; 0 if the topic has no message yet
 * @property recovered true if the messages that follow include every message after the `since` of the `subscribe`;
 *   false if messages are missing or the `subscribe` had no `since`
 * @property welcome see [WelcomeData]
 */
@Serializable
public class SubscribedData(
    public val epoch: String,
    @Serializable(with = OffsetSerializer::class) public val offset: Long,
    public val recovered: Boolean,
    public val welcome: JsonElement? = null,
)

/**
 * The payload of the `ack` to a `subscribe`, on topics that send a welcome payload to new subscribers.
 *
 * @property welcome defined by the application, computed just before the subscription starts; null for none
 */
@Serializable
public class WelcomeData(public val welcome: JsonElement? = null)

/**
 * The optional payload of an `unsubscribe` message from the server.
 *
 * @property reason a short human-readable sentence; empty if the server gave none
 */
@Serializable
public class UnsubscribeData(public val reason: String = "")
