package dev.live.protocol

import io.kotest.property.Arb
import io.kotest.property.arbitrary.arbitrary
import kotlin.random.Random

val tracedCodecs: List<Codec> = codecs.map(::TracedCodec)

/** Any text that is a valid trace. */
val arbTrace: Arb<String> = arbitrary { it.random.text(0, Message.MAX_TRACE_BYTES) }

/** Messages with any combination of fields, with text from all of Unicode. */
val arbMessage: Arb<Message> = arbitrary { it.random.message() }

/** JSON text with redundant white space and escapes. */
val arbJson: Arb<String> = arbitrary { it.random.json(depth = 5) }

private fun Random.message() =
    Message(
        type = text(1, Message.MAX_TYPE_BYTES),
        topic = if (nextBoolean()) text(0, Message.MAX_TOPIC_BYTES).filterNot { it.isISOControl() } else "",
        ref = if (nextBoolean()) text(0, Message.MAX_REF_BYTES) else "",
        body =
            when (nextInt(3)) {
                0 -> Body.bytes(nextBytes(nextInt(400)))
                1 -> Body.json(json(depth = 4))
                else -> null
            },
        offset = if (nextBoolean()) nextLong() ushr nextInt(1, 64) else null,
    )

/** A copy with [trace]; empty for none. */
fun Message.with(trace: String): Message = Message(type, topic, ref, body, offset, trace)

/** Text of at least [min] characters and at most [maxBytes] bytes of UTF-8. */
private fun Random.text(min: Int, maxBytes: Int): String =
    buildString {
        repeat(min + nextInt(maxBytes / 4 - min + 1)) {
            when (nextInt(6)) {
                0 -> append(nextInt(0x20).toChar())
                1 -> append("\"\\/\u007f\u2028"[nextInt(5)])
                2 -> append(nextInt(0x80, 0xd800).toChar())
                3 -> appendCodePoint(nextInt(0x10000, 0x110000))
                else -> append('a' + nextInt(26))
            }
        }
    }

private fun Random.json(depth: Int): String =
    when (nextInt(if (depth == 0) 5 else 7)) {
        0 -> listOf("true", "false", "null").random(this)
        1 -> listOf("0", "-0", "1e400", "-1.50E+7", nextLong().toString(), nextDouble().toString()).random(this)
        in 2..4 -> quotedLoosely(text(0, 40))
        5 -> List(nextInt(4)) { json(depth - 1) }.joinToString(",", "[", "]") { space() + it + space() }
        else ->
            List(nextInt(4)) { i -> quotedLoosely("$i" + text(0, 16)) + space() + ":" + space() + json(depth - 1) }
                .joinToString(",", "{", "}") { space() + it + space() }
    }

private fun Random.space() = listOf("", "", " ", "\t\r\n").random(this)

/** [text] in quotes, with some redundant escapes. */
private fun Random.quotedLoosely(text: String): String =
    buildString {
        append('"')
        for (c in text) {
            if (c < ' ' || c == '"' || c == '\\' || nextInt(8) == 0) append("\\u%04x".format(c.code)) else append(c)
        }
        append('"')
    }.let { if (it.hasUnpairedSurrogates()) quote(text) else it }

/** A surrogate pair with only one half escaped is not valid JSON. */
private fun String.hasUnpairedSurrogates() = utf8Size(this) < 0
