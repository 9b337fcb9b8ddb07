package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.NORMAL
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

/** Group 7: the close handshake. */
internal fun closeCases(): List<Case> {
    val goodbye = clientFrame(CLOSE, closing(NORMAL))
    return buildList {
        add(
            Case("7.1.1", "a message, then goodbye") {
                send(frame(TEXT, "Hello World!"))
                hears("Hello World!")
                leaves()
            },
        )
        add(
            Case("7.1.2", "two close frames") {
                send(goodbye, frame(CLOSE))
                isClosed(NORMAL)
            },
        )
        add(
            Case("7.1.3", "a ping behind the close frame: not answered") {
                send(goodbye, frame(PING))
                isClosed(NORMAL)
            },
        )
        add(
            Case("7.1.4", "a message behind the close frame: not answered") {
                send(goodbye, frame(TEXT, "too late"))
                isClosed(NORMAL)
            },
        )
        add(
            Case("7.1.5", "a close frame between two fragments") {
                send(frame(TEXT, "one", fin = false), goodbye, frame(0, "two"))
                isClosed(NORMAL)
            },
        )
        add(
            Case("7.1.6", "a message of 256 KiB, a small one, a close frame and a ping in one write") {
                val large = clientFrame(TEXT, ByteArray(256 * 1024) { 'a'.code.toByte() })
                send(large, frame(TEXT, "b"), goodbye, frame(PING))
                isClosedAfterMessages(NORMAL)
            },
        )
        add(closed("7.3.1", "a close frame without a code", ByteArray(0), 0, NORMAL))
        add(closed("7.3.2", "a close frame with half a code", byteArrayOf('a'.code.toByte()), 1002))
        add(closed("7.3.3", "a close frame with a code", closing(NORMAL), NORMAL))
        add(closed("7.3.4", "a close frame with a reason", closing(NORMAL, "Hello World!".toByteArray()), NORMAL))
        val longest = closing(NORMAL, stars(123))
        add(closed("7.3.5", "a close frame with a reason of 123 bytes, the longest", longest, NORMAL))
        add(closed("7.3.6", "a close frame with a reason of 124 bytes", closing(NORMAL, stars(124)), 1002))
        val reason = "ceba e1bdb9 eda080 656469746564".replace(" ", "").hexToByteArray()
        add(closed("7.5.1", "a close frame with a reason that is not UTF-8", closing(NORMAL, reason), 1007))
        val codes = listOf(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
        codes.forEachIndexed { i, code ->
            add(closed("7.7.${i + 1}", "the close code $code, which a client may send", closing(code), code))
        }
        listOf(0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999).forEachIndexed { i, code ->
            val what = "the close code $code, which is reserved or has no meaning"
            add(closed("7.9.${i + 1}", what, closing(code), 1002))
        }
        listOf(5000, 65_535).forEachIndexed { i, code ->
            add(closed("7.13.${i + 1}", "the close code $code, which does not exist", closing(code), 1002))
        }
    }
}

private fun closed(id: String, what: String, payload: ByteArray, vararg code: Int) =
    Case(id, what) {
        send(clientFrame(CLOSE, payload))
        isClosed(*code)
    }

private fun stars(count: Int) = ByteArray(count) { '*'.code.toByte() }
