package dev.live.fuzz.codec

import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.rule
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
 * Decodes the input. A message that is accepted survives every codec, and has one encoding in each; an input that is
 * refused has a reason that can be sent.
 */
internal class CodecTarget(private val codec: Codec, override val name: String) : FuzzTarget {
    private val traced = TracedCodec(codec)

    override val dictionary: List<String> get() = Vectors.WORDS

    override fun seeds(): List<ByteArray> = Vectors.of(name)

    override fun run(input: ByteArray) {
        val message = decoded(codec, input) ?: return
        rule(message.trace.isEmpty()) { "the plain codec kept a trace" }
        val withTrace = withTrace(input)
        for (other in ALL) {
            check(other, message)
            withTrace?.let { check(TracedCodec(other), it) }
        }
        (message.body as? Body.Json)?.let(::checkJson)
        for (payload in PAYLOADS) checkPayload(message, payload)
    }

    /** The plain codec accepted [input], and drops a trace of any length; the traced one refuses nothing else. */
    private fun withTrace(input: ByteArray): Message? =
        try {
            traced.decode(input)
        } catch (e: MalformedMessageException) {
            checkRefusal(e)
            rule("trace" in e.reason) { "the traced codec refused what the plain one accepted: ${e.reason}" }
            null
        }

    private fun decoded(codec: Codec, input: ByteArray): Message? =
        try {
            codec.decode(input)
        } catch (e: MalformedMessageException) {
            checkRefusal(e)
            null
        }

    private fun check(other: Codec, message: Message) {
        val encoded = other.encode(message)
        val again = other.decode(encoded)
        rule(again == message) { "${other.subprotocol} made $again of $message" }
        rule(other.encode(again).contentEquals(encoded)) { "${other.subprotocol} has two encodings of $message" }
    }

    private fun checkJson(body: Body.Json) {
        rule(Body.json(body.text).text == body.text) { "the compact form of a payload is not its own compact form" }
        Json.parseToJsonElement(body.text)
    }

    private fun checkPayload(message: Message, payload: DeserializationStrategy<*>) {
        try {
            message.decode(payload)
        } catch (e: BadPayloadException) {
            checkRefusal(e)
        }
    }

    private fun checkRefusal(refusal: LiveException) {
        rule(refusal.reason.isNotEmpty()) { "a refusal without a reason" }
        rule(refusal.reason.length <= MAX_REASON) { "a reason of ${refusal.reason.length} characters" }
        rule(refusal.reason.none { it.isISOControl() }) { "a reason with control characters" }
        val answer = refusal.toMessage()
        for (other in ALL) check(other, answer)
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

        /** Characters: a sentence. */
        const val MAX_REASON = 400
    }
}
