package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.PONG
import dev.live.server.conformance.Peer.Companion.TEXT

private const val CONTINUATION = 0

private val chunkings =
    listOf(Chunking.Whole to "in one write", Chunking.Frames to "frame by frame", Chunking.Bytes(1) to "octet by octet")

/** Group 5: fragments. */
internal fun fragmentCases(): List<Case> =
    buildList {
        for ((i, opcode) in listOf(PING, PONG).withIndex()) {
            add(
                Case("5.${i + 1}", "a ${if (opcode == PING) "ping" else "pong"} in two fragments") {
                    send(frame(opcode, "one", fin = false), frame(CONTINUATION, "two"))
                    expectClose(1002)
                },
            )
        }
        chunkings.forEachIndexed { i, (chunking, how) ->
            add(
                Case("5.${3 + i}", "text in two fragments, $how") {
                    send(frame(TEXT, "one", fin = false), frame(CONTINUATION, "two"), chunking = chunking)
                    expectMessage("onetwo")
                    closeNormally()
                },
            )
            add(
                Case("5.${6 + i}", "text in two fragments with a ping between them, $how") {
                    send(
                        frame(TEXT, "one", fin = false),
                        frame(PING, "between"),
                        frame(CONTINUATION, "two"),
                        chunking = chunking,
                    )
                    expectPong("between")
                    expectMessage("onetwo")
                    closeNormally()
                },
            )
            for (fin in listOf(true, false)) {
                val end = if (fin) "FIN set" else "FIN not set"
                val number = (if (fin) 9 else 12) + i
                add(
                    Case("5.$number", "a continuation frame with no open message ($end), then text, $how") {
                        send(frame(CONTINUATION, "nothing", fin = fin), frame(TEXT, "one"), chunking = chunking)
                        expectClose(1002)
                    },
                )
            }
        }
        add(
            Case("5.15", "text in two fragments, a continuation frame with no open message, then text") {
                send(
                    frame(TEXT, "one", fin = false),
                    frame(CONTINUATION, "two"),
                    frame(CONTINUATION, "nothing", fin = false),
                    frame(TEXT, "three"),
                )
                expectMessage("onetwo")
                expectClose(1002)
            },
        )
        for ((number, fin) in listOf(16 to false, 17 to true)) {
            val end = if (fin) "FIN set" else "FIN not set"
            add(
                Case("5.$number", "2x: a continuation frame with no open message ($end), text in two fragments") {
                    repeat(2) {
                        send(
                            frame(CONTINUATION, "nothing", fin = fin),
                            frame(TEXT, "one", fin = false),
                            frame(CONTINUATION, "two"),
                        )
                    }
                    expectClose(1002)
                },
            )
        }
        add(
            Case("5.18", "two fragments that both start a message") {
                send(frame(TEXT, "one", fin = false), frame(TEXT, "two"))
                expectClose(1002)
            },
        )
        for ((number, chunking, how) in listOf(
            Triple(19, Chunking.Whole, "in two writes"),
            Triple(20, Chunking.Frames, "frame by frame"),
        )) {
            add(
                Case("5.$number", "five fragments with two pings, the first pong before the message ends, $how") {
                    send(
                        frame(TEXT, "1", fin = false),
                        frame(CONTINUATION, "2", fin = false),
                        frame(PING, "first"),
                        chunking = chunking,
                    )
                    expectPong("first")
                    send(
                        frame(CONTINUATION, "3", fin = false),
                        frame(CONTINUATION, "4", fin = false),
                        frame(PING, "second"),
                        frame(CONTINUATION, "5"),
                        chunking = chunking,
                    )
                    expectPong("second")
                    expectMessage("12345")
                    closeNormally()
                },
            )
        }
    }.sortedBy { it.id.substringAfter('.').toInt() }
