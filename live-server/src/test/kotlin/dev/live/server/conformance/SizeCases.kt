package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.BINARY
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private const val KIB = 1024
private const val MIB = 1024 * KIB

/** What is larger than 64 KiB, or more than a few, is a quarter of it in the build. */
private val scale = if (isFullSize) 1 else 4
private val rounds = if (isFullSize) 1_000 else 50

/** Groups 9 and 10: large messages, many fragments, small pieces, many messages. */
internal fun sizeCases(): List<Case> =
    buildList {
        for (isBinary in listOf(false, true)) {
            listOf(64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB).forEachIndexed { i, size ->
                val scaled = if (size > MIB) size / scale else size
                add(
                    sized(if (isBinary) "9.2" else "9.1", i, "a message of ${scaled / KIB} KiB", isBinary) {
                        echoes(payload(scaled, isBinary))
                    },
                )
            }
            val whole = 4 * MIB / scale
            listOf(64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB).forEachIndexed { i, size ->
                val fragment = minOf(size, whole)
                val what = "a message of ${whole / KIB} KiB in fragments of $fragment bytes"
                add(
                    sized(if (isBinary) "9.4" else "9.3", i, what, isBinary) {
                        sendFragments(payload(whole, isBinary), fragment, isBinary)
                    },
                )
            }
            listOf(64, 128, 256, 512, KIB, 2 * KIB).forEachIndexed { i, piece ->
                val size = MIB / scale
                val what = "a message of ${size / KIB} KiB written in pieces of $piece bytes"
                add(
                    sized(if (isBinary) "9.6" else "9.5", i, what, isBinary) {
                        echoes(payload(size, isBinary), Chop.Bytes(piece))
                    },
                )
            }
            listOf(0, 16, 64, 256, KIB, 4 * KIB).forEachIndexed { i, size ->
                val what = "$rounds messages of $size bytes, one after the other"
                add(
                    sized(if (isBinary) "9.8" else "9.7", i, what, isBinary) {
                        val payload = payload(size, isBinary)
                        repeat(rounds) { echoes(payload) }
                    },
                )
            }
        }
        add(
            Case("10.1.1", "text of 65536 bytes in fragments of 1300 bytes") {
                sendFragments(payload(65_536, isBinary = false), 1_300, isBinary = false)
                leaves()
            },
        )
    }.sortedBy { case -> case.id.split('.').fold(0) { sum, number -> sum * 100 + number.toInt() } }

private fun sized(group: String, index: Int, what: String, isBinary: Boolean, talk: Peer.() -> Unit) =
    Case("$group.${index + 1}", (if (isBinary) "binary: " else "text: ") + what, isBinary) {
        talk()
        leaves()
    }

private fun Peer.sendFragments(payload: ByteArray, fragment: Int, isBinary: Boolean) {
    val first = if (isBinary) BINARY else TEXT
    val frames =
        (payload.indices step fragment).map { i ->
            val end = minOf(i + fragment, payload.size)
            clientFrame(if (i == 0) first else 0, payload.copyOfRange(i, end), fin = end == payload.size)
        }
    val wire = ByteArray(frames.sumOf { it.size })
    frames.fold(0) { at, frame -> frame.copyInto(wire, at).let { at + frame.size } }
    send(wire)
    hears(payload)
}

private fun payload(size: Int, isBinary: Boolean): ByteArray {
    val byte = if (isBinary) 0xFE.toByte() else '*'.code.toByte()
    return ByteArray(size) { byte }
}
