package dev.live.test.contract

import dev.live.protocol.Body
import dev.live.protocol.Message
import kotlin.random.Random

/** A message with any combination of fields except `trace`, with text from all of Unicode. */
internal fun Random.message(): Message =
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

/** A copy of [bytes] with one to three inserted, removed, changed or repeated pieces. */
internal fun Random.corrupt(bytes: ByteArray): ByteArray {
    val result = bytes.toMutableList()
    repeat(1 + nextInt(3)) {
        val at = nextInt(result.size + 1)
        when (nextInt(4)) {
            0 -> result.add(at, nextInt().toByte())
            1 -> if (at < result.size) result.removeAt(at)
            2 -> if (at < result.size) result[at] = nextInt().toByte()
            else -> result.addAll(at, result.subList(at, minOf(result.size, at + nextInt(8))).toList())
        }
    }
    return result.toByteArray()
}

/** Different strings with the same hash code: "Aa" and "BB" have the same one. */
internal fun collidingNames(count: Int): List<String> =
    List(count) { n -> String(CharArray(34) { i -> PAIRS[n shr i / 2 and 1][i % 2] }) }

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

/** JSON text with redundant white space and escapes. */
private fun Random.json(depth: Int): String =
    when (nextInt(if (depth == 0) 5 else 7)) {
        0 -> listOf("true", "false", "null").random(this)
        1 -> listOf("0", "-0", "1e400", "-1.50E+7", nextLong().toString(), nextDouble().toString()).random(this)
        in 2..4 -> quoted(text(0, 40))
        5 -> List(nextInt(4)) { json(depth - 1) }.joinToString(",", "[", "]") { space() + it + space() }
        else ->
            List(nextInt(4)) { i -> quoted("$i" + text(0, 16)) + space() + ":" + space() + json(depth - 1) }
                .joinToString(",", "{", "}") { space() + it + space() }
    }

private fun Random.space() = listOf("", "", " ", "\t\r\n").random(this)

/** [text] in quotes, with some redundant escapes. Half a surrogate pair is never escaped: that is not JSON. */
private fun Random.quoted(text: String): String =
    buildString {
        append('"')
        for (c in text) {
            val isEscaped = c < ' ' || c == '"' || c == '\\' || (nextInt(8) == 0 && !c.isSurrogate())
            if (isEscaped) append("\\u%04x".format(c.code)) else append(c)
        }
        append('"')
    }

private val PAIRS = listOf("Aa", "BB")
