package dev.live.fuzz.session

import dev.live.fuzz.checkInvariant
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorData
import dev.live.protocol.JsonCodec
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.server.frame.Opcode
import dev.live.server.session.Session
import dev.live.server.transport.Inbound

/** One client of a script, and the replies that it expects. */
internal class Client(options: Options) {
    val socket = ScriptedSocket(options.isWoken, ::onFrame)

    /** The session, or null before the handshake. */
    var session: Session<User>? = null

    /** Number of expected replies by ref. */
    private val expectedReplies = HashMap<String, Int>()

    /** Refs of messages that get a reply or not, depending on the session's state. */
    private val uncertain = HashSet<String>()

    /** Offset of the newest message by topic. */
    private val offsets = HashMap<String, Long>()
    private var wasStalled = false

    val isOpen: Boolean get() = socket.closeCode == null && !socket.isAborted

    fun send(bytes: ByteArray, isText: Boolean) {
        if (!socket.receiveFromClient(Inbound.Data(bytes, isText)) || !isText) return
        val message =
            try {
                JsonCodec.decode(bytes, DecodeLimits(NESTING))
            } catch (_: MalformedMessageException) {
                return
            }
        if (message.ref.isEmpty()) return
        if (message.getsReply) expectedReplies.merge(message.ref, 1, Int::plus) else uncertain += message.ref
    }

    fun stall() {
        socket.isStalled = true
        wasStalled = true
    }

    fun flow() {
        socket.isStalled = false
    }

    private val missing: Set<String> get() = expectedReplies.filterValues { it > 0 }.keys - uncertain

    val hasAllReplies: Boolean get() = missing.isEmpty()

    /** Checks that all replies have arrived and that the queue is empty, for a client that reads everything. */
    fun checkComplete() {
        checkInvariant(hasAllReplies) { "no reply to the refs $missing" }
        val queue = session?.state?.queue ?: return
        checkInvariant(queue.count == 0 && queue.bytes == 0L) {
            "${queue.count} messages of ${queue.bytes} bytes remain in the queue"
        }
    }

    fun checkCounts() {
        val queue = session?.state?.queue ?: return
        checkInvariant(queue.count >= 0) { "the queue counts ${queue.count} messages" }
        checkInvariant(queue.bytes >= 0) { "the queue counts ${queue.bytes} bytes" }
    }

    fun checkCloseCode() {
        val code = socket.closeCode ?: return
        checkInvariant(code != INTERNAL) { "the session ended with 1011" }
        checkInvariant(code != SLOW || wasStalled) { "the session of a client that reads ended with 4508" }
    }

    private fun onFrame(opcode: Int, payload: ByteArray) {
        if (opcode != Opcode.Text.wire) {
            checkInvariant(opcode == Opcode.Ping.wire || opcode == Opcode.Pong.wire) { "a frame with opcode $opcode" }
            return
        }
        val message = JsonCodec.decode(payload)
        when (message.type) {
            MessageType.ACK, MessageType.REPLY, MessageType.PONG -> onReply(message)
            MessageType.ERROR -> {
                val error = message.decode<ErrorData>()
                checkInvariant(error.code != "internal") { "an internal error: ${error.reason}" }
                // an invalid message may contain a readable ref, which its error then carries
                if (error.code != "bad_message") onReply(message)
            }
            MessageType.MESSAGE -> onMessage(message)
        }
    }

    private fun onReply(message: Message) {
        offsets -= message.topic // subscribed or unsubscribed: offsets restart
        if (message.ref.isEmpty()) return
        val left = expectedReplies.merge(message.ref, -1, Int::plus)!!
        checkInvariant(left >= 0 || message.ref in uncertain) { "one reply too many to the ref of $message" }
    }

    private fun onMessage(message: Message) {
        val offset = message.offset ?: return
        val before = offsets.put(message.topic, offset) ?: return
        checkInvariant(offset == before + 1) { "offset $offset arrived after offset $before" }
    }

    private val Message.getsReply: Boolean
        get() =
            when (type) {
                MessageType.PONG -> false
                MessageType.REPLY, MessageType.ERROR -> !ref.startsWith("$")
                else -> true
            }

    private companion object {
        const val NESTING = 16
        const val INTERNAL = 1011
        const val SLOW = 4508
    }
}
