package dev.live.fuzz.session

import dev.live.fuzz.rule
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

/** One client of a script, and what it is owed. */
internal class Client(options: Options) {
    val socket = ScriptedSocket(options.isWoken, ::take)

    /** The session, once there is one. */
    var session: Session<User>? = null

    /** Refs by how many answers to them are still to come. */
    private val owed = HashMap<String, Int>()

    /** Refs of messages that are answered or not, depending on what the session is at. */
    private val uncertain = HashSet<String>()

    /** Offset of the newest message by topic. */
    private val offsets = HashMap<String, Long>()
    private var wasStalled = false

    val isOpen: Boolean get() = socket.closeCode == null && !socket.isAborted

    fun send(bytes: ByteArray, isText: Boolean) {
        if (!socket.say(Inbound.Data(bytes, isText)) || !isText) return
        val message =
            try {
                JsonCodec.decode(bytes, DecodeLimits(NESTING))
            } catch (_: MalformedMessageException) {
                return
            }
        if (message.ref.isEmpty()) return
        if (message.isAnswered) owed.merge(message.ref, 1, Int::plus) else uncertain += message.ref
    }

    fun stall() {
        socket.isStalled = true
        wasStalled = true
    }

    fun flow() {
        socket.isStalled = false
    }

    private val missing: Set<String> get() = owed.filterValues { it > 0 }.keys - uncertain

    val isOwedNothing: Boolean get() = missing.isEmpty()

    /** Nothing is missing, and nothing waits, for a client that takes all. */
    fun checkSettled() {
        rule(isOwedNothing) { "no answer came to the refs $missing" }
        val queue = session?.state?.queue ?: return
        rule(queue.count == 0 && queue.bytes == 0L) { "${queue.count} messages of ${queue.bytes} bytes are left" }
    }

    fun checkCounts() {
        val queue = session?.state?.queue ?: return
        rule(queue.count >= 0) { "${queue.count} messages wait" }
        rule(queue.bytes >= 0) { "${queue.bytes} bytes wait" }
    }

    fun checkEnd() {
        val code = socket.closeCode ?: return
        rule(code != INTERNAL) { "the session ended with 1011" }
        rule(code != SLOW || wasStalled) { "the session of a client that reads ended with 4508" }
    }

    private fun take(opcode: Int, payload: ByteArray) {
        if (opcode != Opcode.Text.wire) {
            rule(opcode == Opcode.Ping.wire || opcode == Opcode.Pong.wire) { "a frame of opcode $opcode" }
            return
        }
        val message = JsonCodec.decode(payload)
        when (message.type) {
            MessageType.ACK, MessageType.REPLY, MessageType.PONG -> answered(message)
            MessageType.ERROR -> {
                val error = message.decode<ErrorData>()
                rule(error.code != "internal") { "an internal error: ${error.reason}" }
                // what is no message may carry a ref that can be read, and is answered with it
                if (error.code != "bad_message") answered(message)
            }
            MessageType.MESSAGE -> inOrder(message)
        }
    }

    private fun answered(message: Message) {
        offsets -= message.topic // joined or left: what follows begins anew
        if (message.ref.isEmpty()) return
        val left = owed.merge(message.ref, -1, Int::plus)!!
        rule(left >= 0 || message.ref in uncertain) { "one answer too many to the ref of $message" }
    }

    private fun inOrder(message: Message) {
        val offset = message.offset ?: return
        val before = offsets.put(message.topic, offset) ?: return
        rule(offset == before + 1) { "the offset $offset came after $before" }
    }

    private val Message.isAnswered: Boolean
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
