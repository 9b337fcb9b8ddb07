package dev.live.server.transport

import dev.live.server.support.clientFrame

/** The limit on a message's size that the contract of sockets is tested with. */
internal const val LIMIT = 70_000

/** [bytes] that a client must not send, and the [reason] that [FrameReader] gives. */
internal class Violation(val name: String, val bytes: ByteArray, val reason: String, val tooLarge: Boolean = false)

private const val EXTENSION = "a frame used extension bits, and no extension was negotiated"
private const val UNMASKED = "frames of a client must be masked"
private const val PARSER = "Received illegal frame:" // how Ktor begins
private const val TOO_LARGE = "a message must be at most $LIMIT bytes"

internal val violations =
    listOf(
        Violation("an unmasked frame", clientFrame(1, byteArrayOf(1), mask = null), UNMASKED),
        Violation("an unmasked frame without a payload", clientFrame(0x9, mask = null), UNMASKED),
        Violation("the first extension bit", clientFrame(1, rsv = 4), EXTENSION),
        Violation("the second extension bit", clientFrame(1, rsv = 2), EXTENSION),
        Violation("the third extension bit, on a ping", clientFrame(0x9, rsv = 1), EXTENSION),
        Violation(
            "a length with its top bit set",
            clientFrame(2, claimedLength = Long.MIN_VALUE + 1, lengthBytes = 8),
            "a frame claimed a length of more than 63 bits",
        ),
        Violation(
            "a frame over the limit, of which only the header came",
            clientFrame(2, claimedLength = LIMIT + 1L),
            TOO_LARGE,
            tooLarge = true,
        ),
        Violation(
            "a frame that claims all the memory there is",
            clientFrame(2, claimedLength = Long.MAX_VALUE),
            TOO_LARGE,
            tooLarge = true,
        ),
        Violation(
            "fragments that are over the limit together",
            clientFrame(2, ByteArray(LIMIT), fin = false) + clientFrame(0, ByteArray(1)),
            TOO_LARGE,
            tooLarge = true,
        ),
        Violation("an opcode for data that does not exist", clientFrame(3), "$PARSER Unsupported opcode 3"),
        Violation("an opcode for control that does not exist", clientFrame(0xB), "$PARSER Unsupported opcode b"),
        Violation("the last opcode", clientFrame(0xF), "$PARSER Unsupported opcode f"),
        Violation(
            "a fragmented control frame",
            clientFrame(0x9, fin = false),
            "$PARSER control frames can't be fragmented",
        ),
        Violation(
            "a control frame over 125 bytes",
            clientFrame(0x9, ByteArray(126)),
            "$PARSER control frames can't be larger than 125 bytes",
        ),
        Violation("a continuation of nothing", clientFrame(0), "$PARSER Can't continue finished frames"),
        Violation(
            "a continuation after the end of a message",
            clientFrame(1, fin = false) + clientFrame(0) + clientFrame(0),
            "$PARSER Can't continue finished frames",
        ),
        Violation(
            "a message that begins inside another",
            clientFrame(1, fin = false) + clientFrame(1),
            "$PARSER Can't start new data frame before finishing previous one",
        ),
        Violation("half a close code", clientFrame(0x8, byteArrayOf(3)), "a close frame carried half a code"),
        Violation(
            "more fragments than a message may have",
            clientFrame(1, fin = false) + List(1_024) { clientFrame(0, fin = false) }.reduce(ByteArray::plus),
            "a message must be at most 1024 fragments",
        ),
    )
