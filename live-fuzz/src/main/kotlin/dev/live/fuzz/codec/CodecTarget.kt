package dev.live.fuzz.codec

import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.checkInvariant
import dev.live.protocol.AuthData
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.ErrorData
import dev.live.protocol.GoodbyeData
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.SubscribeData
import dev.live.protocol.SubscribedData
import dev.live.protocol.TracedCodec
import dev.live.protocol.decode
import dev.live.protocol.toMessage
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.Json

/**
 * Decodes the input. An accepted message survives every codec, and has one encoding in each. A rejected input has a
 * reason that can be sent.
 */
internal class CodecTarget(private val codec: Codec, override val name: String) : FuzzTarget {
    private val traced = TracedCodec(codec)

    override val dictionary: List<String> get() = Vectors.WORDS

    override fun seeds(): List<ByteArray> = Vectors.of(name)

    override fun run(input: ByteArray) {
        val message = decoded(codec, input) ?: return
        checkInvariant(message.trace.isEmpty()) { "the plain codec kept a trace" }
        val withTrace = withTrace(input)
        for (other in ALL) {
            check(other, message)
            withTrace?.let { check(TracedCodec(other), it) }
        }
        (message.body as? Body.Json)?.let(::checkJson)
        for (payload in PAYLOADS) checkPayload(message, payload)
    }

    /**
     * The plain codec accepted [input] and ignores a trace of any length. The traced codec may only reject the trace.
     */
    private fun withTrace(input: ByteArray): Message? =
        try {
            traced.decode(input)
        } catch (e: MalformedMessageException) {
            checkRejection(e)
            checkInvariant("trace" in e.reason) { "only the traced codec rejected the input: ${e.reason}" }
            null
        }

    private fun decoded(codec: Codec, input: ByteArray): Message? =
        try {
            codec.decode(input)
        } catch (e: MalformedMessageException) {
            checkRejection(e)
            null
        }

    private fun check(other: Codec, message: Message) {
        val encoded = other.encode(message)
        val decoded = other.decode(encoded)
        checkInvariant(decoded == message) { "${other.subprotocol} changed $message to $decoded" }
        val isStable = other.encode(decoded).contentEquals(encoded)
        checkInvariant(isStable) { "${other.subprotocol} has two encodings of $message" }
    }

    private fun checkJson(body: Body.Json) {
        checkInvariant(Body.json(body.text).text == body.text) { "a compact payload can be compacted again" }
        Json.parseToJsonElement(body.text)
    }

    private fun checkPayload(message: Message, payload: DeserializationStrategy<*>) {
        try {
            message.decode(payload)
        } catch (e: BadPayloadException) {
            checkRejection(e)
        }
    }

    private fun checkRejection(rejection: LiveException) {
        checkInvariant(rejection.reason.isNotEmpty()) { "a rejection without a reason" }
        checkInvariant(rejection.reason.length <= MAX_REASON) { "a reason of ${rejection.reason.length} characters" }
        checkInvariant(rejection.reason.none { it.isISOControl() }) { "a reason with control characters" }
        val reply = rejection.toMessage()
        for (other in ALL) check(other, reply)
    }

    private companion object {
        val ALL: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)
        val PAYLOADS =
            listOf(
                SubscribeData.serializer(),
                SubscribedData.serializer(),
                AuthData.serializer(),
                ErrorData.serializer(),
                GoodbyeData.serializer(),
            )

        /** Maximum length of a reason in characters. */
        const val MAX_REASON = 400
    }
}
