package dev.live.server.conformance

import dev.live.server.conformance.Peer.Companion.CLOSE
import dev.live.server.conformance.Peer.Companion.NORMAL
import dev.live.server.conformance.Peer.Companion.PING
import dev.live.server.conformance.Peer.Companion.TEXT
import dev.live.server.support.clientFrame

/** Group 7: the close handshake. */
internal fun closeCases(): List<Case> {
    val closeFrame = clientFrame(CLOSE, closing(NORMAL))
    return buildList {
        add(
            Case("7.1.1", "a message, then a close frame") {
                send(frame(TEXT, "Hello World!"))
                expectMessage("Hello World!")
                closeNormally()
            },
        )
        add(
            Case("7.1.2", "two close frames") {
                send(closeFrame, frame(CLOSE))
                expectClose(NORMAL)
            },
        )
        add(
            Case("7.1.3", "a ping after the close frame: no reply") {
                send(closeFrame, frame(PING))
                expectClose(NORMAL)
            },
        )
        add(
            Case("7.1.4", "a message after the close frame: no reply") {
                send(closeFrame, frame(TEXT, "too late"))
                expectClose(NORMAL)
            },
        )
        add(
            Case("7.1.5", "a close frame between two fragments") {
                send(frame(TEXT, "one", fin = false), closeFrame, frame(0, "two"))
                expectClose(NORMAL)
            },
        )
        add(
            Case("7.1.6", "a message of 256 KiB, a small one, a close frame and a ping in one write") {
                val large = clientFrame(TEXT, ByteArray(256 * 1024) { 'a'.code.toByte() })
                send(large, frame(TEXT, "b"), closeFrame, frame(PING))
                expectCloseAfterMessages(NORMAL)
            },
        )
        add(closeCase("7.3.1", "a close frame without a code", ByteArray(0), 0, NORMAL))
        add(closeCase("7.3.2", "a close frame with half a code", byteArrayOf('a'.code.toByte()), 1002))
        add(closeCase("7.3.3", "a close frame with a code", closing(NORMAL), NORMAL))
        add(closeCase("7.3.4", "a close frame with a reason", closing(NORMAL, "Hello World!".toByteArray()), NORMAL))
        val longest = closing(NORMAL, asterisks(123))
        add(closeCase("7.3.5", "a close frame with a reason of 123 bytes, the longest", longest, NORMAL))
        add(closeCase("7.3.6", "a close frame with a reason of 124 bytes", closing(NORMAL, asterisks(124)), 1002))
        val reason = "ceba e1bdb9 eda080 656469746564".replace(" ", "").hexToByteArray()
        add(closeCase("7.5.1", "a close frame with a reason that is not UTF-8", closing(NORMAL, reason), 1007))
        val codes = listOf(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
        codes.forEachIndexed { i, code ->
            add(closeCase("7.7.${i + 1}", "the close code $code, which a client may send", closing(code), code))
        }
        listOf(0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999).forEachIndexed { i, code ->
            val description = "the close code $code, which is reserved or has no meaning"
            add(closeCase("7.9.${i + 1}", description, closing(code), 1002))
        }
        listOf(5000, 65_535).forEachIndexed { i, code ->
            add(closeCase("7.13.${i + 1}", "the close code $code, which does not exist", closing(code), 1002))
        }
    }
}

private fun closeCase(id: String, description: String, payload: ByteArray, vararg code: Int) =
    Case(id, description) {
        send(clientFrame(CLOSE, payload))
        expectClose(*code)
    }

private fun asterisks(count: Int) = ByteArray(count) { '*'.code.toByte() }
