package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.BINARY
import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.PONG
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private val octets = Chunking.Bytes(1)

/** Groups 1, 3 and 4: whole messages, RSV bits, reserved opcodes. */
internal fun framingCases(): List<Case> =
    buildList {
        val sizes = listOf(0, 125, 126, 127, 128, 65_535, 65_536)
        for (isBinary in listOf(false, true)) {
            val kind = if (isBinary) "a binary" else "a text"
            val group = if (isBinary) "1.2" else "1.1"
            val byte = if (isBinary) 0xFE.toByte() else '*'.code.toByte()
            sizes.forEachIndexed { i, size ->
                add(
                    Case("$group.${i + 1}", "$kind message of $size bytes", isBinary) {
                        expectEcho(ByteArray(size) { byte })
                        closeNormally()
                    },
                )
            }
            add(
                Case("$group.8", "$kind message of 65536 bytes, written in chunks of 997 bytes", isBinary) {
                    expectEcho(ByteArray(65_536) { byte }, Chunking.Bytes(997))
                    closeNormally()
                },
            )
        }
        add(
            Case("3.1", "the third RSV bit in a text frame") {
                send(frame(TEXT, "Hello, world!", rsv = 1))
                expectClose(1002)
            },
        )
        val chunkings =
            listOf(Chunking.Whole to "in one write", Chunking.Frames to "frame by frame", octets to "octet by octet")
        chunkings.forEachIndexed { i, (chunking, how) ->
            val rsv = i + 2
            add(
                Case("3.$rsv", "RSV bits $rsv in a second text frame, then a ping, $how") {
                    send(frame(TEXT, "one"), frame(TEXT, "two", rsv = rsv), frame(PING), chunking = chunking)
                    expectMessage("one")
                    expectClose(1002)
                },
            )
        }
        add(
            Case("3.5", "RSV bits 5 in a binary frame", isBinary = true) {
                send(clientFrame(BINARY, byteArrayOf(0, -1, -2), rsv = 5))
                expectClose(1002)
            },
        )
        add(
            Case("3.6", "RSV bits 6 in a ping") {
                send(frame(PING, "ping", rsv = 6))
                expectClose(1002)
            },
        )
        add(
            Case("3.7", "RSV bits 7 in a close frame") {
                send(frame(CLOSE, rsv = 7))
                expectClose(1002)
            },
        )
        addAll(reserved("4.1", firstOpcode = 3))
        addAll(reserved("4.2", firstOpcode = 11))
    }

private fun reserved(group: String, firstOpcode: Int): List<Case> =
    List(5) { i ->
        val opcode = firstOpcode + i
        val payload = if (i == 0 || i == 2) "" else "payload"
        val isFirst = i < 2
        val chunking = if (i == 4) octets else Chunking.Whole
        val with = if (payload.isEmpty()) "without" else "with"
        val where = if (isFirst) "" else ", between a message and a ping"
        val how = if (i == 4) ", octet by octet" else ""
        Case("$group.${i + 1}", "the reserved opcode $opcode $with a payload$where$how") {
            if (!isFirst) send(frame(TEXT, "one"), chunking = chunking)
            send(frame(opcode, payload), chunking = chunking)
            if (!isFirst) send(frame(PING), chunking = chunking)
            if (!isFirst) expectMessage("one")
            expectClose(1002)
        }
    }

/** Group 2: pings and pongs. */
internal fun controlCases(): List<Case> {
    val binary = byteArrayOf(0, -1, -2, -3, -4, -5, 0, -1)
    val longest = ByteArray(125) { 0xFE.toByte() }

    fun ping(id: String, description: String, payload: ByteArray, chunking: Chunking = Chunking.Whole) =
        Case(id, description) {
            send(clientFrame(PING, payload), chunking = chunking)
            expectPong(payload)
            closeNormally()
        }

    fun pings(id: String, description: String, chunking: Chunking) =
        Case(id, description) {
            val payloads = List(10) { "payload $it" }
            send(*payloads.map { frame(PING, it) }.toTypedArray(), chunking = chunking)
            payloads.forEach { expectPong(it) }
            closeNormally()
        }
    return listOf(
        ping("2.1", "a ping without a payload", ByteArray(0)),
        ping("2.2", "a ping with text", "Hello, world!".toByteArray()),
        ping("2.3", "a ping with bytes that are not UTF-8", binary),
        ping("2.4", "a ping of 125 bytes, the longest", longest),
        Case("2.5", "a ping of 126 bytes") {
            send(clientFrame(PING, longest + 1))
            expectClose(1002)
        },
        ping("2.6", "a ping of 125 bytes, octet by octet", longest, octets),
        Case("2.7", "an unsolicited pong, then a close frame") {
            send(frame(PONG))
            closeNormally()
        },
        Case("2.8", "an unsolicited pong with a payload, then a close frame") {
            send(frame(PONG, "unsolicited"))
            closeNormally()
        },
        Case("2.9", "an unsolicited pong, then a ping") {
            send(frame(PONG, "unsolicited"), frame(PING, "ping"))
            expectPong("ping")
            closeNormally()
        },
        pings("2.10", "ten pings", Chunking.Whole),
        pings("2.11", "ten pings, octet by octet", octets),
    )
}
