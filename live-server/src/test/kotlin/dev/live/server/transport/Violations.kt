package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.support.clientFrame

/** The message size limit of the socket contract tests. */
internal const val LIMIT = 70_000

/** The fragment limit of the socket contract tests. */
internal const val FRAGMENTS = 2_000

/** Invalid [bytes] of a client, with the [code] and [reason] of the server's close frame. */
internal class Violation(
    val name: String,
    val bytes: ByteArray,
    val reason: String,
    val code: CloseCode = CloseCode.WebSocketViolated,
)

private const val EXTENSION = "extension bits set without a negotiated extension"
private const val UNMASKED = "client frames must be masked"
private const val TOO_LARGE = "a message must be at most $LIMIT bytes"
private const val NO_MESSAGE = "continuation frame without an open message"
private const val NOT_TEXT = "text message is not valid UTF-8"

internal val violations =
    listOf(
        Violation("an unmasked frame", clientFrame(1, byteArrayOf(1), mask = null), UNMASKED),
        Violation("an unmasked frame without a payload", clientFrame(0x9, mask = null), UNMASKED),
        Violation("RSV1 set", clientFrame(1, rsv = 4), EXTENSION),
        Violation("RSV2 set", clientFrame(1, rsv = 2), EXTENSION),
        Violation("RSV3 set on a ping", clientFrame(0x9, rsv = 1), EXTENSION),
        Violation(
            "a length with its top bit set",
            clientFrame(2, claimedLength = Long.MIN_VALUE + 1, lengthBytes = 8),
            "frame length of more than 63 bits",
        ),
        Violation(
            "a length of 125 in two bytes",
            clientFrame(2, ByteArray(125), lengthBytes = 2),
            "frame length 125 not in its shortest form",
        ),
        Violation(
            "a length of 0 in eight bytes",
            clientFrame(2, lengthBytes = 8),
            "frame length 0 not in its shortest form",
        ),
        Violation(
            "a length of 65535 in eight bytes",
            clientFrame(2, ByteArray(65_535), lengthBytes = 8),
            "frame length 65535 not in its shortest form",
        ),
        Violation(
            "a frame over the limit, header only",
            clientFrame(2, claimedLength = LIMIT + 1L),
            TOO_LARGE,
            CloseCode.TooLarge,
        ),
        Violation(
            "a frame with the maximum length",
            clientFrame(2, claimedLength = Long.MAX_VALUE),
            TOO_LARGE,
            CloseCode.TooLarge,
        ),
        Violation(
            "fragments over the limit in total",
            clientFrame(2, ByteArray(LIMIT), fin = false) + clientFrame(0, ByteArray(1)),
            TOO_LARGE,
            CloseCode.TooLarge,
        ),
        Violation("an unknown data opcode", clientFrame(3), "unknown opcode 3"),
        Violation("an unknown control opcode", clientFrame(0xB), "unknown opcode 11"),
        Violation("the last opcode", clientFrame(0xF), "unknown opcode 15"),
        Violation("a fragmented control frame", clientFrame(0x9, fin = false), "fragmented control frame"),
        Violation(
            "a control frame over 125 bytes",
            clientFrame(0x9, ByteArray(126)),
            "control frame longer than 125 bytes",
        ),
        Violation("a continuation frame with no open message", clientFrame(0), NO_MESSAGE),
        Violation(
            "a continuation frame after the end of a message",
            clientFrame(1, fin = false) + clientFrame(0) + clientFrame(0),
            NO_MESSAGE,
        ),
        Violation(
            "a message that starts within another",
            clientFrame(1, fin = false) + clientFrame(1),
            "new message before the final fragment of the previous one",
        ),
        Violation("half a close code", clientFrame(0x8, byteArrayOf(3)), "close frame with a one-byte payload"),
        Violation(
            "a close code that must not be on the wire",
            clientFrame(0x8, closePayload(1005, "")),
            "close frame with the invalid code 1005",
        ),
        Violation(
            "a close reason that is not UTF-8",
            clientFrame(0x8, closePayload(1000, "why") + 0x80.toByte()),
            "close reason is not valid UTF-8",
            CloseCode.InvalidText,
        ),
        Violation(
            "a close reason that ends inside a character",
            clientFrame(0x8, closePayload(1000, "why") + 0xC3.toByte()),
            "close reason is not valid UTF-8",
            CloseCode.InvalidText,
        ),
        Violation(
            "invalid UTF-8 in a partial frame",
            clientFrame(1, byteArrayOf(0x41, 0xC0.toByte()), claimedLength = 1_000),
            NOT_TEXT,
            CloseCode.InvalidText,
        ),
        Violation(
            "a surrogate over two fragments that are not the last",
            clientFrame(1, byteArrayOf(0xED.toByte()), fin = false) +
                clientFrame(0, byteArrayOf(0xA0.toByte()), fin = false),
            NOT_TEXT,
            CloseCode.InvalidText,
        ),
        Violation(
            "text that ends inside a character",
            clientFrame(1, byteArrayOf(0xF0.toByte(), 0x9F.toByte(), 0x98.toByte())),
            NOT_TEXT,
            CloseCode.InvalidText,
        ),
        Violation(
            "more fragments than allowed",
            clientFrame(1, fin = false) + List(FRAGMENTS) { clientFrame(0, fin = false) }.reduce(ByteArray::plus),
            "a message must be at most $FRAGMENTS fragments",
            CloseCode.PolicyViolated,
        ),
    )
