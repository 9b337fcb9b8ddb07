package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.BINARY
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private const val KIB = 1024
private const val MIB = 1024 * KIB

/** Sizes above 64 KiB and large counts are divided by this number, unless [isFullSize]. */
private val scale = if (isFullSize) 1 else 4
private val rounds = if (isFullSize) 1_000 else 50

/** Groups 9 and 10: large messages, many fragments, small pieces, many messages. */
internal fun sizeCases(): List<Case> =
    buildList {
        for (isBinary in listOf(false, true)) {
            listOf(64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB).forEachIndexed { i, size ->
                val scaled = if (size > MIB) size / scale else size
                add(
                    sizeCase(if (isBinary) "9.2" else "9.1", i, "a message of ${scaled / KIB} KiB", isBinary) {
                        expectEcho(payload(scaled, isBinary))
                    },
                )
            }
            val whole = 4 * MIB / scale
            listOf(64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB).forEachIndexed { i, size ->
                val fragment = minOf(size, whole)
                val description = "a message of ${whole / KIB} KiB in fragments of $fragment bytes"
                add(
                    sizeCase(if (isBinary) "9.4" else "9.3", i, description, isBinary) {
                        sendFragments(payload(whole, isBinary), fragment, isBinary)
                    },
                )
            }
            listOf(64, 128, 256, 512, KIB, 2 * KIB).forEachIndexed { i, piece ->
                val size = MIB / scale
                val description = "a message of ${size / KIB} KiB written in chunks of $piece bytes"
                add(
                    sizeCase(if (isBinary) "9.6" else "9.5", i, description, isBinary) {
                        expectEcho(payload(size, isBinary), Chunking.Bytes(piece))
                    },
                )
            }
            listOf(0, 16, 64, 256, KIB, 4 * KIB).forEachIndexed { i, size ->
                val description = "$rounds messages of $size bytes, one after the other"
                add(
                    sizeCase(if (isBinary) "9.8" else "9.7", i, description, isBinary) {
                        val payload = payload(size, isBinary)
                        repeat(rounds) { expectEcho(payload) }
                    },
                )
            }
        }
        add(
            Case("10.1.1", "text of 65536 bytes in fragments of 1300 bytes") {
                sendFragments(payload(65_536, isBinary = false), 1_300, isBinary = false)
                closeNormally()
            },
        )
    }.sortedBy { case -> case.id.split('.').fold(0) { sum, number -> sum * 100 + number.toInt() } }

private fun sizeCase(group: String, index: Int, description: String, isBinary: Boolean, script: Peer.() -> Unit) =
    Case("$group.${index + 1}", (if (isBinary) "binary: " else "text: ") + description, isBinary) {
        script()
        closeNormally()
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
    expectMessage(payload)
}

private fun payload(size: Int, isBinary: Boolean): ByteArray {
    val byte = if (isBinary) 0xFE.toByte() else '*'.code.toByte()
    return ByteArray(size) { byte }
}
