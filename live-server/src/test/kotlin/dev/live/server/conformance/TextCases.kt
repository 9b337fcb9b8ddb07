package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

/** Greek for "world": characters of two and three bytes. */
private val greek = "\u03BA\u1F79\u03C3\u03BC\u03B5".toByteArray()
private val latin = "Hello-\u00B5@\u00DF\u00F6\u00E4\u00FC\u00E0\u00E1-UTF-8!!".toByteArray()

/** Group 6: UTF-8 handling. */
internal fun textCases(): List<Case> = splitTextCases() + invalidTextCases() + sequenceCases()

private fun splitTextCases(): List<Case> =
    listOf(
        echoCase("6.1.1", "empty text", listOf("".toByteArray())),
        echoCase("6.1.2", "three empty fragments", List(3) { ByteArray(0) }),
        echoCase(
            "6.1.3",
            "an empty fragment, text, an empty fragment",
            listOf("", "middle", "").map(String::toByteArray),
        ),
        echoCase("6.2.1", "text with characters of one and two bytes", listOf(latin)),
        echoCase("6.2.2", "text in two fragments, cut between characters", listOf(latin.copyOf(12), latin.drop(12))),
        echoCase("6.2.3", "text in fragments of one byte, cut inside characters", latin.map { byteArrayOf(it) }),
        echoCase("6.2.4", "Greek in fragments of one byte, cut inside characters", greek.map { byteArrayOf(it) }),
    )

private fun invalidTextCases(): List<Case> {
    val surrogate = greek + "eda080656469746564".hexToByteArray()
    val tooHigh = greek + "f4908080656469746564".hexToByteArray()
    val valid = greek.size + 1 // the first byte of the next character is still valid
    return listOf(
        rejected("6.3.1", "text with a lone surrogate", listOf(surrogate)),
        rejected("6.3.2", "the same in fragments of one byte", surrogate.map { byteArrayOf(it) }),
        Case("6.4.1", "a fragment with a code point above U+10FFFF: closed before the next fragment") {
            send(clientFrame(TEXT, greek, fin = false))
            send(clientFrame(0, "f4908080".hexToByteArray(), fin = false))
            expectClose(1007)
        },
        Case("6.4.2", "a fragment that ends with the first invalid byte: closed before the next fragment") {
            send(clientFrame(TEXT, tooHigh.copyOf(valid), fin = false))
            send(clientFrame(0, byteArrayOf(tooHigh[valid]), fin = false))
            expectClose(1007)
        },
        Case("6.4.3", "a part of a frame with a code point above U+10FFFF: closed before the rest") {
            send(clientFrame(TEXT, tooHigh).copyOf(HEADER + greek.size + 4))
            expectClose(1007)
        },
        Case("6.4.4", "a part of a frame that ends with the first invalid byte: closed before the rest") {
            send(clientFrame(TEXT, tooHigh).copyOf(HEADER + valid + 1))
            expectClose(1007)
        },
    )
}

private const val HEADER = 6

/** Single messages, numbered as in Markus Kuhn's list of UTF-8 sequences, from which Autobahn selects. */
private fun sequenceCases(): List<Case> {
    val groups = validGroups + invalidGroups
    return groups.entries.sortedBy { it.key }.flatMap { (group, sequences) ->
        val (title, texts) = sequences
        texts.mapIndexed { i, bytes ->
            val description = "$title: ${bytes.toHexString()}"
            val id = "6.$group.${i + 1}"
            if (isUtf8(bytes)) echoCase(id, description, listOf(bytes)) else rejected(id, description, listOf(bytes))
        }
    }
}

/** An independent check: decodes and encodes with the JDK. */
private fun isUtf8(bytes: ByteArray) = bytes.decodeToString().toByteArray().contentEquals(bytes)

private fun hex(vararg texts: String): List<ByteArray> = texts.map { it.hexToByteArray() }

private val validGroups: Map<Int, Pair<String, List<ByteArray>>> =
    mapOf(
        5 to
            (
                "characters of one to four bytes" to
                    listOf("$", "\u00A2", "\u20AC", "\uD852\uDF62").map { "hello${it}world".toByteArray() } +
                    listOf(greek)
            ),
        6 to ("a prefix of Greek text" to (1..greek.size).map { greek.copyOf(it) }),
        7 to ("the first character of each length" to hex("00", "c280", "e0a080", "f0908080")),
        9 to ("the last character of each length" to hex("7f", "dfbf", "efbfbf", "f48fbfbf")),
        11 to ("next to the surrogates, and the maximum" to hex("ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080")),
        22 to ("noncharacter code points" to nonCharacters()),
        23 to ("special characters" to (0xB9..0xBF).map { byteArrayOf(0xEF.toByte(), 0xBF.toByte(), it.toByte()) }),
    )

private val incomplete = hex(
    "c0",
    "e080",
    "f08080",
    "f8808080",
    "fc80808080",
    "df",
    "efbf",
    "f7bfbf",
    "fbbfbfbf",
    "fdbfbfbfbf",
)

private val invalidGroups: Map<Int, Pair<String, List<ByteArray>>> =
    mapOf(
        8 to ("the first sequence of five and six bytes" to hex("f888808080", "fc8480808080")),
        10 to ("the last sequence of each length, above U+10FFFF" to hex("f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf")),
        12 to
            (
                "lone continuation bytes" to
                    hex("80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf") +
                    listOf(bytes(0x80..0xBE))
            ),
        13 to
            (
                "lone first bytes, each followed by a space" to
                    listOf(0xC0..0xDE, 0xE0..0xEE, 0xF0..0xF6, 0xF8..0xFA, 0xFC..0xFC).map { firsts ->
                        firsts.flatMap { listOf(it.toByte(), ' '.code.toByte()) }.toByteArray()
                    }
            ),
        14 to ("the last byte of a sequence is missing" to incomplete),
        15 to ("concatenated sequences without their last byte" to listOf(incomplete.reduce(ByteArray::plus))),
        16 to ("bytes never used in UTF-8" to hex("fe", "ff", "fefeffff")),
        17 to ("an overlong ASCII character" to hex("c0af", "e080af", "f08080af", "f8808080af", "fc80808080af")),
        18 to ("the largest overlong sequence" to hex("c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf")),
        19 to ("an overlong NUL" to hex("c080", "e08080", "f0808080", "f880808080", "fc8080808080")),
        20 to ("a lone surrogate" to loneSurrogates),
        21 to
            (
                "a surrogate pair encoded as six bytes" to
                    listOf("eda080", "edadbf", "edae80", "edafbf").flatMap { hex("${it}edb080", "${it}edbfbf") }
            ),
    )

private val loneSurrogates get() = hex("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf")

/** The last two code points of each plane. */
private fun nonCharacters(): List<ByteArray> =
    hex("efbfbe", "efbfbf") +
        (1..16).flatMap { plane ->
            listOf(0xFFFE, 0xFFFF).map { String(Character.toChars(plane * 0x10000 + it)).toByteArray() }
        }

private fun bytes(range: IntRange) = range.map { it.toByte() }.toByteArray()

private fun ByteArray.drop(count: Int) = copyOfRange(count, size)

private fun echoCase(id: String, description: String, fragments: List<ByteArray>) =
    Case(id, description) {
        send(*fragmented(fragments))
        expectMessage(fragments.reduce(ByteArray::plus))
        closeNormally()
    }

private fun rejected(id: String, description: String, fragments: List<ByteArray>) =
    Case(id, description) {
        send(*fragmented(fragments))
        expectClose(1007)
    }

/** The frames of a text message in [fragments]. */
private fun fragmented(fragments: List<ByteArray>): Array<ByteArray> =
    fragments.mapIndexed { i, bytes ->
        clientFrame(if (i == 0) TEXT else 0, bytes, fin = i == fragments.lastIndex)
    }.toTypedArray()
