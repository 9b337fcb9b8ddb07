package dev.live.server.transport

import dev.live.protocol.CloseCode

/**
 * WriterBacklog the bytes of one client into messages and control frames, as strict as RFC 6455 is, and assembles fragments.
 *
 * Bytes may arrive in any pieces. Each is checked when it is read: a violation is reported at the first byte that shows
 * it, before the frame is complete. A message that is not complete takes the memory of the bytes that have arrived (at
 * most twice as much), whatever length its frame claims and however many fragments it has.
 *
 * Transports say where bytes come from. Not thread-safe.
 *
 * @param isMasked whether the client masks its frames, as every client on a network must
 */
internal abstract class FrameDecoder(private val limits: FrameLimits, private val isMasked: Boolean) {
    private var step = FIRST_BYTE

    // the frame that is being read
    private var isFinal = false
    private var opcode = 0
    private var lengthForm = 0
    private var lengthBytes = 0
    private var length = 0L
    private var mask = 0
    private var maskBytes = 0

    /** How much of the payload has arrived. */
    private var arrived = 0

    /** The payload of a control frame; those may stand between the fragments of a message. */
    private var control: ByteArray = NONE

    // the message that is being assembled
    private var isInMessage = false
    private var isText = false
    private var fragments = 0
    private var message: ByteArray = NONE
    private var size = 0
    private val text = Utf8Check()

    private var violation: SocketViolation? = null

    /** How many bytes can be read now. */
    protected abstract val available: Int

    /** The next byte; there is one. */
    protected abstract fun readByte(): Byte

    /** The next [count] bytes into [target]; there are as many. */
    protected abstract fun readBytes(target: ByteArray, offset: Int, count: Int)

    /** Reads past [count] bytes; there are as many. */
    protected abstract fun skip(count: Int)

    /**
     * The next message or control frame in the bytes that are available; null if there are not enough of them. Nothing
     * follows a close frame: later bytes are skipped.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; from then on at every call
     */
    protected fun decode(): Inbound? {
        violation?.let { throw it }
        while (true) {
            val available = available
            if (step == DONE) return null.also { skip(available) }
            if (available == 0) return null
            when (step) {
                FIRST_BYTE -> firstByte(readByte().toInt())
                SECOND_BYTE -> secondByte(readByte().toInt())
                LENGTH -> lengthByte(readByte().toInt() and 0xFF)
                MASK -> maskByte(readByte().toInt() and 0xFF)
                else -> if (opcode >= CLOSE) controlPayload(available) else dataPayload(available)
            }
            if (step == PAYLOAD && arrived.toLong() == length) completed()?.let { return it }
        }
    }

    private fun firstByte(byte: Int) {
        if (byte and RESERVED != 0) violated("a frame used extension bits, and no extension was negotiated")
        isFinal = byte and FIN != 0
        opcode = byte and OPCODE
        when (opcode) {
            CONTINUATION -> if (!isInMessage) violated("a continuation frame continued no message")
            TEXT, BINARY -> if (isInMessage) violated("a message began before the last fragment of the one before it")
            CLOSE, PING, PONG -> if (!isFinal) violated("a control frame was fragmented")
            else -> violated("a frame had the unknown opcode $opcode")
        }
        step = SECOND_BYTE
    }

    private fun secondByte(byte: Int) {
        val hasMask = byte and MASKED != 0
        if (isMasked && !hasMask) violated("frames of a client must be masked")
        mask = 0
        maskBytes = if (hasMask) MASK_BYTES else 0
        length = 0
        lengthForm = byte and SHORT_LENGTH
        if (lengthForm < LENGTH_IS_16_BITS) {
            length = lengthForm.toLong()
            return headerRead()
        }
        if (opcode >= CLOSE) violated("a control frame was longer than 125 bytes")
        lengthBytes = if (lengthForm == LENGTH_IS_16_BITS) 2 else 8
        step = LENGTH
    }

    private fun lengthByte(byte: Int) {
        length = (length shl 8) or byte.toLong()
        if (--lengthBytes > 0) return
        if (length < 0) violated("a frame claimed a length of more than 63 bits")
        val shortest = if (lengthForm == LENGTH_IS_16_BITS) LENGTH_IS_16_BITS.toLong() else MAX_16_BITS + 1
        if (length < shortest) violated("the length $length was not in its shortest form")
        headerRead()
    }

    /** All of the header but the mask. What is not allowed is refused here: it costs no memory. */
    private fun headerRead() {
        arrived = 0
        if (opcode >= CLOSE) {
            control = if (length == 0L) NONE else ByteArray(length.toInt())
        } else {
            if (!isInMessage) beginMessage()
            if (++fragments > limits.fragments) {
                fail(CloseCode.PolicyViolated, "a message must be at most ${limits.fragments} fragments")
            }
            if (length > limits.maxMessageSize - size) {
                fail(CloseCode.TooLarge, "a message must be at most ${limits.maxMessageSize} bytes")
            }
        }
        step = if (maskBytes > 0) MASK else PAYLOAD
    }

    private fun beginMessage() {
        isText = opcode == TEXT
        fragments = 0
        size = 0
        text.reset()
    }

    private fun maskByte(byte: Int) {
        mask = (mask shl 8) or byte
        if (--maskBytes == 0) step = PAYLOAD
    }

    private fun controlPayload(available: Int) {
        val count = minOf(available, control.size - arrived)
        readBytes(control, arrived, count)
        unmask(control, arrived, count, mask, arrived)
        arrived += count
    }

    private fun dataPayload(available: Int) {
        val rest = length.toInt() - arrived
        val count = minOf(available, rest)
        ensureRoom(count, rest)
        readBytes(message, size, count)
        val isAscii = unmask(message, size, count, mask, arrived)
        if (isText && !(isAscii && text.isComplete) && !text.accepts(message, size, size + count)) invalidText()
        size += count
        arrived += count
    }

    /** Makes room for [count] bytes of the [rest] of this frame: exactly as much as the message needs, if that is known. */
    private fun ensureRoom(count: Int, rest: Int) {
        val needed = size + count
        if (needed <= message.size) return
        val end = if (isFinal) size + rest else limits.maxMessageSize
        val capacity = if (isFinal && count == rest) needed else maxOf(needed, message.size * 2, MIN_ROOM)
        message = message.copyOf(minOf(capacity, end))
    }

    private fun completed(): Inbound? {
        step = FIRST_BYTE
        return when (opcode) {
            PING -> Inbound.Ping(control)
            PONG -> Inbound.Pong
            CLOSE -> closed()
            else -> fragmentRead()
        }
    }

    private fun fragmentRead(): Inbound? {
        isInMessage = !isFinal
        if (isInMessage) return null
        if (isText && !text.isComplete) invalidText()
        val whole = if (message.size == size) message else message.copyOf(size)
        message = NONE
        return Inbound.Data(whole, isText)
    }

    private fun closed(): Inbound {
        if (control.isEmpty()) return Inbound.Close(NO_CODE).also { step = DONE }
        if (control.size == 1) violated("a close frame carried half a code")
        val code = (control[0].toInt() and 0xFF shl 8) or (control[1].toInt() and 0xFF)
        if (!isCloseCode(code)) violated("a close frame carried the code $code")
        text.reset()
        if (!text.accepts(control, 2, control.size) || !text.isComplete) {
            fail(CloseCode.InvalidText, "the reason in a close frame was not valid UTF-8")
        }
        step = DONE
        return Inbound.Close(code)
    }

    private fun invalidText(): Nothing = fail(CloseCode.InvalidText, "a text message was not valid UTF-8")

    private fun violated(what: String): Nothing = fail(CloseCode.WebSocketViolated, what)

    private fun fail(code: CloseCode, reason: String): Nothing =
        throw SocketViolation(code, reason).also { violation = it }

    private companion object {
        const val FIRST_BYTE = 0
        const val SECOND_BYTE = 1
        const val LENGTH = 2
        const val MASK = 3
        const val PAYLOAD = 4

        /** The client has sent its close frame. */
        const val DONE = 5

        const val FIN = 0x80
        const val RESERVED = 0x70
        const val OPCODE = 0x0F
        const val MASKED = 0x80
        const val SHORT_LENGTH = 0x7F
        const val LENGTH_IS_16_BITS = 126
        const val MAX_16_BITS = 0xFFFFL
        const val MASK_BYTES = 4

        const val CONTINUATION = 0x0
        const val TEXT = 0x1
        const val BINARY = 0x2
        const val CLOSE = 0x8
        const val PING = 0x9
        const val PONG = 0xA

        const val MIN_ROOM = 256
        const val NO_CODE = 1005
        val NONE = ByteArray(0)
    }
}
