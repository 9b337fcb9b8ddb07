package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.BINARY
import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.PONG
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private val octets = Chop.Bytes(1)

/** Groups 1, 3 and 4: whole messages, extension bits, reserved opcodes. */
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
                        echoes(ByteArray(size) { byte })
                        leaves()
                    },
                )
            }
            add(
                Case("$group.8", "$kind message of 65536 bytes, written in pieces of 997 bytes", isBinary) {
                    echoes(ByteArray(65_536) { byte }, Chop.Bytes(997))
                    leaves()
                },
            )
        }
        add(
            Case("3.1", "the third extension bit in a text frame") {
                send(frame(TEXT, "Hello, world!", rsv = 1))
                isClosed(1002)
            },
        )
        val later = listOf(Chop.Whole to "in one write", Chop.Frames to "frame by frame", octets to "octet by octet")
        later.forEachIndexed { i, (chop, how) ->
            val rsv = i + 2
            add(
                Case("3.$rsv", "extension bits $rsv in a second text frame, then a ping, $how") {
                    send(frame(TEXT, "one"), frame(TEXT, "two", rsv = rsv), frame(PING), chop = chop)
                    hears("one")
                    isClosed(1002)
                },
            )
        }
        add(
            Case("3.5", "extension bits 5 in a binary frame", isBinary = true) {
                send(clientFrame(BINARY, byteArrayOf(0, -1, -2), rsv = 5))
                isClosed(1002)
            },
        )
        add(
            Case("3.6", "extension bits 6 in a ping") {
                send(frame(PING, "ping", rsv = 6))
                isClosed(1002)
            },
        )
        add(
            Case("3.7", "extension bits 7 in a close frame") {
                send(frame(CLOSE, rsv = 7))
                isClosed(1002)
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
        val chop = if (i == 4) octets else Chop.Whole
        val with = if (payload.isEmpty()) "without" else "with"
        val where = if (isFirst) "" else ", between a message and a ping"
        val how = if (i == 4) ", octet by octet" else ""
        Case("$group.${i + 1}", "the reserved opcode $opcode $with a payload$where$how") {
            if (!isFirst) send(frame(TEXT, "one"), chop = chop)
            send(frame(opcode, payload), chop = chop)
            if (!isFirst) send(frame(PING), chop = chop)
            if (!isFirst) hears("one")
            isClosed(1002)
        }
    }

/** Group 2: pings and pongs. */
internal fun controlCases(): List<Case> {
    val binary = byteArrayOf(0, -1, -2, -3, -4, -5, 0, -1)
    val longest = ByteArray(125) { 0xFE.toByte() }

    fun ping(id: String, what: String, payload: ByteArray, chop: Chop = Chop.Whole) =
        Case(id, what) {
            send(clientFrame(PING, payload), chop = chop)
            hearsPong(payload)
            leaves()
        }

    fun pings(id: String, what: String, chop: Chop) =
        Case(id, what) {
            val payloads = List(10) { "payload $it" }
            send(*payloads.map { frame(PING, it) }.toTypedArray(), chop = chop)
            payloads.forEach { hearsPong(it) }
            leaves()
        }
    return listOf(
        ping("2.1", "a ping without a payload", ByteArray(0)),
        ping("2.2", "a ping with text", "Hello, world!".toByteArray()),
        ping("2.3", "a ping with bytes that are no text", binary),
        ping("2.4", "a ping of 125 bytes, the longest", longest),
        Case("2.5", "a ping of 126 bytes") {
            send(clientFrame(PING, longest + 1))
            isClosed(1002)
        },
        ping("2.6", "a ping of 125 bytes, octet by octet", longest, octets),
        Case("2.7", "a pong that nobody asked for, then goodbye") {
            send(frame(PONG))
            leaves()
        },
        Case("2.8", "a pong with a payload that nobody asked for, then goodbye") {
            send(frame(PONG, "unasked"))
            leaves()
        },
        Case("2.9", "a pong that nobody asked for, then a ping") {
            send(frame(PONG, "unasked"), frame(PING, "asked"))
            hearsPong("asked")
            leaves()
        },
        pings("2.10", "ten pings", Chop.Whole),
        pings("2.11", "ten pings, octet by octet", octets),
    )
}
