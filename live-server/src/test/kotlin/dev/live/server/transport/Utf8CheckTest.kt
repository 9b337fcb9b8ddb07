package dev.live.server.transport

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.byte
import io.kotest.property.arbitrary.byteArray
import io.kotest.property.arbitrary.choice
import io.kotest.property.arbitrary.constant
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.map
import io.kotest.property.checkAll
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

class Utf8CheckTest : FunSpec({

    test("accepts exactly the input of the JDK's decoder, whole and in chunks of every size") {
        checkAll(5_000, chunks) { parts ->
            val bytes = parts.fold(ByteArray(0), ByteArray::plus)
            for (size in 1..4) {
                withClue("${bytes.toHexString()} in chunks of $size") {
                    isAccepted(bytes, size) shouldBe isUtf8(bytes)
                }
            }
            isAccepted(bytes, bytes.size.coerceAtLeast(1)) shouldBe isUtf8(bytes)
        }
    }

    test("accepts every code point and no surrogate") {
        for (code in 0..0x10FFFF) {
            val isSurrogate = code in 0xD800..0xDFFF
            val bytes = if (isSurrogate) threeBytes(code) else String(Character.toChars(code)).toByteArray()
            if (isAccepted(bytes, bytes.size) == isSurrogate) error("U+${code.toString(16)}")
        }
    }

    test("rejects the first byte that cannot be UTF-8") {
        val invalid =
            mapOf(
                "80" to 0,
                "c1" to 0,
                "f5" to 0,
                "ff" to 0,
                "41c0" to 1,
                "c341" to 1,
                "e09f" to 1,
                "eda0" to 1,
                "f08f" to 1,
                "f490" to 1,
                "f1808041" to 3,
                "e282" to null,
                "f0" to null,
            )
        for ((hex, position) in invalid) {
            val bytes = hex.hexToByteArray()
            val check = Utf8Check()

            val first = bytes.indices.firstOrNull { !check.accepts(bytes, it, it + 1) }

            withClue(hex) { first shouldBe position }
        }
    }
})

/** Random valid and nearly valid UTF-8. */
private val chunks: Arb<List<ByteArray>> =
    Arb.list(
        Arb.choice(
            Arb.int(0..0x10FFFF).map {
                if (it in
                    0xD800..0xDFFF
                ) {
                    threeBytes(it)
                } else {
                    String(Character.toChars(it)).toByteArray()
                }
            },
            Arb.byteArray(Arb.int(1..4), Arb.byte()),
            Arb.constant("plain text".toByteArray()),
        ),
        0..6,
    )

private fun threeBytes(code: Int) =
    byteArrayOf(
        (0xE0 or (code shr 12)).toByte(),
        (0x80 or (code shr 6 and 0x3F)).toByte(),
        (0x80 or (code and 0x3F)).toByte(),
    )

private fun isAccepted(bytes: ByteArray, chunkSize: Int): Boolean {
    val check = Utf8Check()
    val isAccepted =
        (bytes.indices step chunkSize).all { check.accepts(bytes, it, minOf(it + chunkSize, bytes.size)) }
    return isAccepted && check.isComplete
}

private fun isUtf8(bytes: ByteArray): Boolean =
    try {
        Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes))
        true
    } catch (_: CharacterCodingException) {
        false
    }
