package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.NORMAL
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

private val goodbye = clientFrame(CLOSE, closing(NORMAL))

/** What Autobahn does not ask: minimal lengths, masks, limits on fragments, the ends of the connection, early frames. */
internal fun ownCases(): List<Case> =
    listOf(
        Case("L.1", "a length below 126 in two bytes") {
            send(clientFrame(TEXT, "hello".toByteArray(), lengthBytes = 2))
            isClosed(1002)
        },
        Case("L.2", "a length below 65536 in eight bytes") {
            send(clientFrame(TEXT, ByteArray(200), lengthBytes = 8))
            isClosed(1002)
        },
        Case("L.3", "a length with its top bit set") {
            send(clientFrame(TEXT, claimedLength = Long.MIN_VALUE, lengthBytes = 8))
            isClosed(1002)
        },
        Case("L.4", "a frame that is not masked") {
            send(clientFrame(TEXT, "hello".toByteArray(), mask = null))
            isClosed(1002)
        },
        Case("L.5", "the header of a frame over the limit on messages") {
            send(clientFrame(TEXT, claimedLength = LARGEST + 1L))
            isClosed(1009)
        },
        Case("L.6", "a message in 1025 fragments of one byte") {
            val fragments = List(1_025) { clientFrame(if (it == 0) TEXT else 0, byteArrayOf(65), fin = it == 1_024) }
            send(*fragments.toTypedArray())
            hears(ByteArray(1_025) { 65 })
            leaves()
        },
        Case("L.7", "text that is not UTF-8 in a frame behind a whole message, which is answered") {
            send(frame(TEXT, "one"), clientFrame(TEXT, byteArrayOf(-1)))
            hears("one")
            isClosed(1007)
        },
        Case("L.8", "a close frame and the end of the client's side in one write (Jetty 12.0.29 client)") {
            send(goodbye)
            endsOutput()
            isClosed(NORMAL)
        },
        Case("L.9", "a violation and the end of the client's side in one write") {
            send(frame(3))
            endsOutput()
            isClosed(1002)
        },
        Case(
            "L.10",
            "a message in one write with the upgrade request",
            early = clientFrame(TEXT, "early".toByteArray()),
        ) {
            hears("early")
            leaves()
        },
        Case("L.11", "200 messages in one write with the upgrade request", early = many(200)) {
            repeat(200) { hears("message $it") }
            leaves()
        },
        Case(
            "L.12",
            "half a frame in one write with the upgrade request, and then the rest",
            early = clientFrame(TEXT, "halved".toByteArray()).copyOf(8),
        ) {
            send(clientFrame(TEXT, "halved".toByteArray()).copyOfRange(8, 12), frame(PING, "behind"))
            hears("halved")
            hearsPong("behind")
            leaves()
        },
        Case("L.13", "goodbye in one write with the upgrade request", early = goodbye) { isClosed(NORMAL) },
        Case("L.14", "a violation in one write with the upgrade request", early = clientFrame(3)) { isClosed(1002) },
        Case(
            "L.15",
            "a frame of control characters and line breaks in one write with the upgrade request",
            early = clientFrame(PING, "\r\n\r\nGET / HTTP/1.1\r\n\r\n".toByteArray(), mask = ByteArray(4)),
        ) {
            hearsPong("\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            leaves()
        },
        Case(
            "L.16",
            "a message of 65536 bytes, the default limit, in one write with the upgrade request",
            early = clientFrame(TEXT, ByteArray(65_536) { 'a'.code.toByte() }),
        ) {
            hears(ByteArray(65_536) { 'a'.code.toByte() })
            leaves()
        },
        Case(
            "L.17",
            "a message, goodbye and the end of the client's side right behind the upgrade request",
            early = clientFrame(TEXT, "early".toByteArray()) + goodbye,
            isEndedEarly = true,
        ) {
            hears("early")
            isClosed(NORMAL)
        },
    )

private fun many(count: Int): ByteArray =
    List(count) { clientFrame(TEXT, "message $it".toByteArray()) }.reduce(ByteArray::plus)
