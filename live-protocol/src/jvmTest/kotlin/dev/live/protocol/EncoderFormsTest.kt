package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll
import java.io.ByteArrayOutputStream
import kotlin.random.Random

/** Any message in any mixture of the accepted forms: nulls, both string types, chunks, tags, any field order. */
class EncoderFormsTest : FunSpec({

    test("every accepted MessagePack form of a message is decoded") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val random = Random(message.hashCode())
            MessagePackCodec.decode(random.messagePack(message)) shouldBe message
        }
    }

    test("every accepted CBOR form of a message is decoded") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val random = Random(message.hashCode())
            CborCodec.decode(random.cbor(message)) shouldBe message
        }
    }

    test("every accepted JSON form of a message is decoded") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val random = Random(message.hashCode())
            JsonCodec.decode(random.json(message).encodeToByteArray()) shouldBe message
        }
    }

    test("a message with one additional invalid field is rejected, and the error has its topic and ref") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val random = Random(message.hashCode())
            for ((codec, bytes) in listOf(
                MessagePackCodec to random.messagePack(message, wrong = byteArrayOf(0x90.toByte())),
                CborCodec to random.cbor(message, wrong = byteArrayOf(0x80.toByte())),
                JsonCodec to random.json(message, wrong = "[]").encodeToByteArray(),
            )) {
                val error = shouldThrow<MalformedMessageException> { codec.decode(bytes) }

                "${error.topic} ${error.ref}" shouldBe "${message.topic} ${message.ref}"
            }
        }
    }
})

private fun Random.messagePack(message: Message, wrong: ByteArray? = null): ByteArray {
    fun head(length: Int, markers: List<Int>): ByteArray = listOf(1, 2, 4).zip(markers)
        .filter { (width, _) -> length < 1L shl (8 * width) }
        .random(this)
        .let { (width, marker) -> bytesOf(marker) + bigEndian(length.toLong(), width) }

    fun str(bytes: ByteArray) =
        if (bytes.size < 32 && nextBoolean()) {
            bytesOf(0xa0 + bytes.size) + bytes
        } else {
            head(bytes.size, listOf(0xd9, 0xda, 0xdb)) + bytes
        }

    fun string(bytes: ByteArray) =
        if (nextBoolean()) str(bytes) else head(bytes.size, listOf(0xc4, 0xc5, 0xc6)) + bytes

    fun absent() = if (nextBoolean()) bytesOf(0xc0) else bytesOf(0xd4, 0, 0)

    val fields = fields(message, ::absent, wrong) {
        if (it is Long) bytesOf(if (nextBoolean()) 0xcf else 0xd3) + bigEndian(it, 8) else string(it as ByteArray)
    }
    val map = if (nextBoolean()) bytesOf(0x80 + fields.size) else bytesOf(0xde) + bigEndian(fields.size.toLong(), 2)
    return fields.fold(map) { all, (name, value) -> all + string(name.encodeToByteArray()) + value }
}

private fun Random.cbor(message: Message, wrong: ByteArray? = null): ByteArray {
    fun head(major: Int, argument: Long): ByteArray {
        if (argument in 0..23 && nextBoolean()) return bytesOf((major shl 5) + argument.toInt())
        val (width, info) = listOf(1 to 24, 2 to 25, 4 to 26, 8 to 27)
            .filter { (width, _) -> width == 8 || argument < 1L shl (8 * width) }.random(this)
        return bytesOf((major shl 5) + info) + bigEndian(argument, width)
    }

    fun string(major: Int, pieces: List<ByteArray>): ByteArray {
        val whole = pieces.fold(ByteArray(0)) { all, piece -> all + piece }
        if (nextBoolean()) return head(major, whole.size.toLong()) + whole
        return pieces.fold(bytesOf((major shl 5) + 31)) { all, it -> all + head(major, it.size.toLong()) + it } +
            bytesOf(0xff)
    }

    fun text(text: String) =
        string(3, text.codePoints().toArray().map { String(Character.toChars(it)).encodeToByteArray() })

    fun absent() = if (nextBoolean()) bytesOf(0xf6) else bytesOf(0xf7)

    val body = (message.body as? Body.Bytes)?.shared()
    val fields = fields(message, ::absent, wrong) { value ->
        when {
            value is Long -> head(0, value)
            value === body -> {
                val tag = if (nextBoolean()) head(6, 64) else ByteArray(0)
                tag + string(2, body.toList().chunked(3) { it.toByteArray() })
            }
            else -> text((value as ByteArray).decodeToString())
        }
    }
    val tag = if (nextBoolean()) head(6, 55_799) else ByteArray(0)
    val isIndefinite = nextBoolean()
    val map = tag + if (isIndefinite) bytesOf(0xbf) else head(5, fields.size.toLong())
    val end = if (isIndefinite) bytesOf(0xff) else ByteArray(0)
    return fields.fold(map) { all, (name, value) -> all + text(name) + value } + end
}

private fun Random.json(message: Message, wrong: String? = null): String {
    val fields = fields(message, { ABSENT }, wrong?.encodeToByteArray()) { value ->
        if (value !is Long) return@fields value as ByteArray
        val forms = listOf("$value", "$value.0", "${value}e0", "$value.00E+0")
        (forms + if (value == 0L) "-0" else "${value}0e-1").random(this).encodeToByteArray()
    }
    return fields.joinToString(",", "{", "}") { (name, value) ->
        val text = value.decodeToString()
        val json =
            when {
                value === ABSENT -> text
                name == "body" -> quote(kotlin.io.encoding.Base64.encode(value))
                name in setOf("type", "topic", "ref") -> quote(text)
                else -> text
            }
        "\"$name\" : $json"
    }
}

private val ABSENT = "null".encodeToByteArray()

/** The fields of [message] in random order, with some absent fields as [absent] and an invalid field [wrong]. */
private fun Random.fields(
    message: Message,
    absent: () -> ByteArray,
    wrong: ByteArray?,
    value: (Any) -> ByteArray,
): List<Pair<String, ByteArray>> {
    val body = message.body
    return listOf(
        "type" to message.type.encodeToByteArray(),
        "topic" to message.topic.takeIf { it.isNotEmpty() }?.encodeToByteArray(),
        "ref" to message.ref.takeIf { it.isNotEmpty() }?.encodeToByteArray(),
        "body" to (body as? Body.Bytes)?.shared(),
        "data" to (body as? Body.Json)?.text?.encodeToByteArray(),
        "offset" to message.offset,
    ).mapNotNull { (name, field) ->
        when {
            field != null -> name to value(field)
            // without a body, a JSON null would be the payload
            nextBoolean() && (name != "data" || body != null) -> name to absent()
            else -> null
        }
    }.plus(listOfNotNull(wrong?.let { "trace" to it })).shuffled(this)
}

private fun bytesOf(vararg bytes: Int) = ByteArrayOutputStream().apply { bytes.forEach(::write) }.toByteArray()

private fun bigEndian(value: Long, width: Int) = ByteArray(width) { (value ushr (8 * (width - 1 - it))).toByte() }
