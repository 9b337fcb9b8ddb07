package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.PONG
import dev.live.server.conformance.Peer.Companion.TEXT

private const val CONTINUATION = 0

private val ways =
    listOf(Chop.Whole to "in one write", Chop.Frames to "frame by frame", Chop.Bytes(1) to "octet by octet")

/** Group 5: fragments. */
internal fun fragmentCases(): List<Case> =
    buildList {
        for ((i, opcode) in listOf(PING, PONG).withIndex()) {
            add(
                Case("5.${i + 1}", "a ${if (opcode == PING) "ping" else "pong"} in two fragments") {
                    send(frame(opcode, "one", fin = false), frame(CONTINUATION, "two"))
                    isClosed(1002)
                },
            )
        }
        ways.forEachIndexed { i, (chop, how) ->
            add(
                Case("5.${3 + i}", "text in two fragments, $how") {
                    send(frame(TEXT, "one", fin = false), frame(CONTINUATION, "two"), chop = chop)
                    hears("onetwo")
                    leaves()
                },
            )
            add(
                Case("5.${6 + i}", "text in two fragments with a ping between them, $how") {
                    send(
                        frame(TEXT, "one", fin = false),
                        frame(PING, "between"),
                        frame(CONTINUATION, "two"),
                        chop = chop,
                    )
                    hearsPong("between")
                    hears("onetwo")
                    leaves()
                },
            )
            for (fin in listOf(true, false)) {
                val end = if (fin) "last" else "not the last"
                val number = (if (fin) 9 else 12) + i
                add(
                    Case("5.$number", "a fragment that continues nothing and is $end, then text, $how") {
                        send(frame(CONTINUATION, "nothing", fin = fin), frame(TEXT, "one"), chop = chop)
                        isClosed(1002)
                    },
                )
            }
        }
        add(
            Case("5.15", "text in two fragments, a fragment that continues nothing, then text") {
                send(
                    frame(TEXT, "one", fin = false),
                    frame(CONTINUATION, "two"),
                    frame(CONTINUATION, "nothing", fin = false),
                    frame(TEXT, "three"),
                )
                hears("onetwo")
                isClosed(1002)
            },
        )
        for ((number, fin) in listOf(16 to false, 17 to true)) {
            val end = if (fin) "last" else "not the last"
            add(
                Case("5.$number", "twice: a fragment that continues nothing and is $end, then text in two fragments") {
                    repeat(2) {
                        send(
                            frame(CONTINUATION, "nothing", fin = fin),
                            frame(TEXT, "one", fin = false),
                            frame(CONTINUATION, "two"),
                        )
                    }
                    isClosed(1002)
                },
            )
        }
        add(
            Case("5.18", "two fragments that both begin a message") {
                send(frame(TEXT, "one", fin = false), frame(TEXT, "two"))
                isClosed(1002)
            },
        )
        for ((number, chop, how) in listOf(
            Triple(19, Chop.Whole, "as it comes"),
            Triple(20, Chop.Frames, "frame by frame"),
        )) {
            add(
                Case("5.$number", "five fragments with two pings, the first answered before the message ends, $how") {
                    send(
                        frame(TEXT, "1", fin = false),
                        frame(CONTINUATION, "2", fin = false),
                        frame(PING, "first"),
                        chop = chop,
                    )
                    hearsPong("first")
                    send(
                        frame(CONTINUATION, "3", fin = false),
                        frame(CONTINUATION, "4", fin = false),
                        frame(PING, "second"),
                        frame(CONTINUATION, "5"),
                        chop = chop,
                    )
                    hearsPong("second")
                    hears("12345")
                    leaves()
                },
            )
        }
    }.sortedBy { it.id.substringAfter('.').toInt() }
