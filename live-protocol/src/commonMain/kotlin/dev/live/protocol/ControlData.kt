package dev.live.protocol

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration.Companion.milliseconds

/**
 * The payload of an `error` message.
 *
 * @property code see [ErrorCode]
 * @property reason one short sentence for a person
 * @property retryAfterMs milliseconds to wait before trying again, where waiting helps
 */
@Serializable
public class ErrorData(public val code: String, public val reason: String, public val retryAfterMs: Long? = null) {
    /** The exception that this payload stands for. */
    public fun toException(): LiveException = LiveException(ErrorCode.of(code), reason, retryAfterMs?.milliseconds)
}

/**
 * The `error` message that answers the message with [ref] on [topic]. U+FFFD stands for each half of a surrogate pair
 * in the code and the reason, which have no UTF-8 form.
 */
public fun LiveException.toMessage(topic: String = "", ref: String = ""): Message =
    Message(
        MessageType.ERROR,
        topic,
        ref,
        Body.of(ErrorData(wellFormed(code.wire), wellFormed(reason), retryAfter?.inWholeMilliseconds)),
    )

/**
 * The payload of a `goodbye` message.
 *
 * @property code the close code that follows
 * @property reason one short sentence for a person
 * @property reconnectInMs the window to reconnect in: shortest and longest wait, in milliseconds
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
 * @property inMs milliseconds until the session's token runs out
 */
@Serializable
public class ExpiringData(public val inMs: Long)

/**
 * The payload of a `subscribe` message that has one.
 *
 * @property since what the client has of the topic's history; what came after it is asked for
 * @property params the application's own
 */
@Serializable
public class SubscribeData(
    @Serializable(with = SinceSerializer::class) public val since: Position? = null,
    public val params: JsonElement? = null,
)

/**
 * The payload of the `ack` to a `subscribe`, on topics that keep a history.
 *
 * @property epoch see [Position]
 * @property offset the topic's newest message; 0 if there was none yet
 * @property recovered whether the messages that follow are all that came after the `since` of the `subscribe`; otherwise
 *   the client has missed some, or had none
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
 * The payload of the `ack` to a `subscribe`, on topics whose application has something to say to whoever joins.
 *
 * @property welcome the application's own, as of a moment before the topic was joined; null if it says nothing
 */
@Serializable
public class WelcomeData(public val welcome: JsonElement? = null)
