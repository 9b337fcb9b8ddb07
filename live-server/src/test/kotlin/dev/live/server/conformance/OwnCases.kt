package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.NORMAL
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private val closeFrame = clientFrame(CLOSE, closing(NORMAL))

/** Cases beyond Autobahn: minimal lengths, masks, fragment limits, end of stream, early frames. */
internal fun ownCases(): List<Case> =
    listOf(
        Case("L.1", "a length below 126 in two bytes") {
            send(clientFrame(TEXT, "hello".toByteArray(), lengthBytes = 2))
            expectClose(1002)
        },
        Case("L.2", "a length below 65536 in eight bytes") {
            send(clientFrame(TEXT, ByteArray(200), lengthBytes = 8))
            expectClose(1002)
        },
        Case("L.3", "a length with its top bit set") {
            send(clientFrame(TEXT, claimedLength = Long.MIN_VALUE, lengthBytes = 8))
            expectClose(1002)
        },
        Case("L.4", "a frame that is not masked") {
            send(clientFrame(TEXT, "hello".toByteArray(), mask = null))
            expectClose(1002)
        },
        Case("L.5", "a frame header with a length over the message limit") {
            send(clientFrame(TEXT, claimedLength = LARGEST + 1L))
            expectClose(1009)
        },
        Case("L.6", "a message in 1025 fragments of one byte") {
            val fragments = List(1_025) { clientFrame(if (it == 0) TEXT else 0, byteArrayOf(65), fin = it == 1_024) }
            send(*fragments.toTypedArray())
            expectMessage(ByteArray(1_025) { 65 })
            closeNormally()
        },
        Case("L.7", "a complete message, which is echoed, then a frame with invalid UTF-8") {
            send(frame(TEXT, "one"), clientFrame(TEXT, byteArrayOf(-1)))
            expectMessage("one")
            expectClose(1007)
        },
        Case("L.8", "a close frame and end of stream in one write (Jetty 12.0.29 client)") {
            send(closeFrame)
            endOutput()
            expectClose(NORMAL)
        },
        Case("L.9", "a violation and end of stream in one write") {
            send(frame(3))
            endOutput()
            expectClose(1002)
        },
        Case(
            "L.10",
            "a message in one write with the upgrade request",
            early = clientFrame(TEXT, "early".toByteArray()),
        ) {
            expectMessage("early")
            closeNormally()
        },
        Case("L.11", "200 messages in one write with the upgrade request", early = messages(200)) {
            repeat(200) { expectMessage("message $it") }
            closeNormally()
        },
        Case(
            "L.12",
            "half a frame in one write with the upgrade request, and then the rest",
            early = clientFrame(TEXT, "halved".toByteArray()).copyOf(8),
        ) {
            send(clientFrame(TEXT, "halved".toByteArray()).copyOfRange(8, 12), frame(PING, "behind"))
            expectMessage("halved")
            expectPong("behind")
            closeNormally()
        },
        Case("L.13", "a close frame in one write with the upgrade request", early = closeFrame) { expectClose(NORMAL) },
        Case("L.14", "a violation in one write with the upgrade request", early = clientFrame(3)) { expectClose(1002) },
        Case(
            "L.15",
            "a frame of control characters and line breaks in one write with the upgrade request",
            early = clientFrame(PING, "\r\n\r\nGET / HTTP/1.1\r\n\r\n".toByteArray(), mask = ByteArray(4)),
        ) {
            expectPong("\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            closeNormally()
        },
        Case(
            "L.16",
            "a message of 65536 bytes, the default limit, in one write with the upgrade request",
            early = clientFrame(TEXT, ByteArray(65_536) { 'a'.code.toByte() }),
        ) {
            expectMessage(ByteArray(65_536) { 'a'.code.toByte() })
            closeNormally()
        },
        Case(
            "L.17",
            "a message, a close frame and end of stream directly after the upgrade request",
            early = clientFrame(TEXT, "early".toByteArray()) + closeFrame,
            isEndedEarly = true,
        ) {
            expectMessage("early")
            expectClose(NORMAL)
        },
    )

private fun messages(count: Int): ByteArray =
    List(count) { clientFrame(TEXT, "message $it".toByteArray()) }.reduce(ByteArray::plus)
