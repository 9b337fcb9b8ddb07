package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorCode
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.of
import dev.live.server.broker.PresenceMember
import dev.live.server.frame.wellFormed
import dev.live.server.session.Session
import dev.live.server.topic.TopicParameters
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer

/** The receiver of the `presence` block; [params] contains the parameters sent by the client. */
public class PresenceScope<Meta : Any> internal constructor(
    session: Session<Meta>,
    topic: String,
    parameters: TopicParameters,
    params: JsonElement?,
) : TopicScope<Meta>(session, topic, parameters, params) {
    private var info = "null"

    /**
     * Sets additional data that the other members receive with the key, such as a name or a device: JSON of at most
     * 1,024 bytes, nested at most 61 levels deep. Default JSON `null`.
     *
     * @throws dev.live.protocol.LiveException with `too_large` or `bad_payload` if [value] exceeds a limit; uncaught,
     *   it rejects the subscribe
     */
    public inline fun <reified T> info(value: T): Unit = info(serializer<T>(), value)

    /** See the other [info]. */
    public fun <T> info(serializer: KSerializer<T>, value: T) {
        val body = Body.of(serializer, value)
        if (body.size > MAX_INFO_BYTES) {
            reject("presence info must be at most $MAX_INFO_BYTES bytes, was ${body.size}", ErrorCode.TooLarge)
        }
        // The message adds three levels, and clients with the protocol's default limit must be able to decode it.
        try {
            Body.json(body.text, DecodeLimits(MAX_INFO_DEPTH))
        } catch (_: MalformedMessageException) {
            reject("presence info must be nested at most $MAX_INFO_DEPTH levels deep")
        }
        info = body.text
    }

    internal fun member(key: String): PresenceMember {
        if (key.length > MAX_KEY_LENGTH) {
            reject("a presence key must be at most $MAX_KEY_LENGTH characters, was ${key.length}", ErrorCode.TooLarge)
        }
        require(key.wellFormed() == key) {
            "a presence key must be valid Unicode. A key on topic '$topic' contains an unpaired surrogate; " +
                "it was probably truncated inside a character."
        }
        return PresenceMember(key, info)
    }

    private companion object {
        const val MAX_INFO_BYTES = 1_024
        const val MAX_INFO_DEPTH = 61
        const val MAX_KEY_LENGTH = 256
    }
}
