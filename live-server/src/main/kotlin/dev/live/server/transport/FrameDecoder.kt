package dev.live.server.transport

import dev.live.protocol.CloseCode

/**
 * Decodes a client's bytes into messages and control frames, as strictly as RFC 6455 requires, and assembles fragments.
 *
 * Bytes may arrive in chunks of any size. Each byte is checked when it is read: a violation is reported at the first
 * byte that shows it, before the frame is complete. An incomplete message takes at most twice the memory of its
 * received bytes, whatever length its frame declares and however many fragments it has. Compressed messages are not
 * inflated here: [InflatingSocket] does this when the session takes them, and then checks their text.
 *
 * Subclasses supply the bytes. Not thread-safe. One file, because each step depends on the state of the frame.
 *
 * @param isMasked whether the client masks its frames, as every network client must
 */
internal abstract class FrameDecoder(private val limits: FrameLimits, private val isMasked: Boolean) {
    private var step = FIRST_BYTE

    // state of the current frame
    private var isFinal = false
    private var opcode = 0
    private var lengthForm = 0
    private var lengthBytes = 0
    private var length = 0L
    private var mask = 0
    private var maskBytes = 0

    /** Number of payload bytes received. */
    private var arrived = 0

    /** The payload of a control frame, which may come between the fragments of a message. */
    private var control: ByteArray = EMPTY

    // state of the message that is being assembled
    private var isInMessage = false
    private var isText = false
    private var isCompressed = false
    private var fragments = 0
    private var message: ByteArray = EMPTY
    private var size = 0
    private val text = Utf8Check()

    private var violation: SocketViolation? = null

    /** Number of bytes that can be read now. */
    protected abstract val available: Int

    /** Reads the next byte; only called if one is available. */
    protected abstract fun readByte(): Byte

    /** Reads the next [count] bytes into [target]; only called if they are available. */
    protected abstract fun readBytes(target: ByteArray, offset: Int, count: Int)

    /** Skips [count] bytes; only called if they are available. */
    protected abstract fun skip(count: Int)

    /**
     * Returns the next message or control frame in the available bytes; null if they are not enough. Bytes after a
     * close frame are skipped.
     *
     * @throws SocketViolation if the client violated RFC 6455 or a limit; then on every later call too
     */
    fun decode(): Inbound? {
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
        isFinal = byte and FIN != 0
        opcode = byte and OPCODE
        if (byte and RESERVED != 0) extensionBits(byte and RESERVED)
        when (opcode) {
            CONTINUATION -> if (!isInMessage) violated("continuation frame without an open message")
            TEXT, BINARY -> {
                if (isInMessage) violated("new message before the final fragment of the previous one")
                isCompressed = byte and COMPRESSED != 0
            }
            CLOSE, PING, PONG -> if (!isFinal) violated("fragmented control frame")
            else -> violated("unknown opcode $opcode")
        }
        step = SECOND_BYTE
    }

    /** Only the first frame of a message can have the bit for compression (RFC 7692, section 6). */
    private fun extensionBits(bits: Int) {
        if (!limits.allowsCompression || bits != COMPRESSED) {
            violated("extension bits set without a negotiated extension")
        }
        if (opcode != TEXT && opcode != BINARY) violated("compression bit in a continuation or a control frame")
    }

    private fun secondByte(byte: Int) {
        val hasMask = byte and MASKED != 0
        if (isMasked && !hasMask) violated("client frames must be masked")
        mask = 0
        maskBytes = if (hasMask) MASK_BYTES else 0
        length = 0
        lengthForm = byte and SHORT_LENGTH
        if (lengthForm < LENGTH_IS_16_BITS) {
            length = lengthForm.toLong()
            return headerCompleted()
        }
        if (opcode >= CLOSE) violated("control frame longer than 125 bytes")
        lengthBytes = if (lengthForm == LENGTH_IS_16_BITS) 2 else 8
        step = LENGTH
    }

    private fun lengthByte(byte: Int) {
        length = (length shl 8) or byte.toLong()
        if (--lengthBytes > 0) return
        if (length < 0) violated("frame length of more than 63 bits")
        val shortest = if (lengthForm == LENGTH_IS_16_BITS) LENGTH_IS_16_BITS.toLong() else MAX_16_BITS + 1
        if (length < shortest) violated("frame length $length not in its shortest form")
        headerCompleted()
    }

    /** The header is complete except for the mask. Limits are checked here, before any memory is allocated. */
    private fun headerCompleted() {
        arrived = 0
        if (opcode >= CLOSE) {
            control = if (length == 0L) EMPTY else ByteArray(length.toInt())
        } else {
            if (!isInMessage) beginMessage()
            if (++fragments > limits.fragments) {
                fail(CloseCode.PolicyViolated, "a message must be at most ${limits.fragments} fragments")
            }
            if (length > maxSize - size) {
                fail(CloseCode.TooLarge, "a message must be at most ${limits.maxMessageSize} bytes")
            }
        }
        step = if (maskBytes > 0) MASK else PAYLOAD
    }

    /** Maximum bytes of the message before it is inflated. */
    private val maxSize: Int get() = if (isCompressed) limits.maxCompressedSize else limits.maxMessageSize

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
        val remaining = length.toInt() - arrived
        val count = minOf(available, remaining)
        ensureCapacity(count, remaining)
        readBytes(message, size, count)
        val isAscii = unmask(message, size, count, mask, arrived)
        val checksText = isText && !isCompressed
        if (checksText && !(isAscii && text.isComplete) && !text.accepts(message, size, size + count)) invalidText()
        size += count
        arrived += count
    }

    /**
     * Ensures capacity for [count] of the [remaining] bytes of this frame: exactly the size of the message, if it is
     * known.
     */
    private fun ensureCapacity(count: Int, remaining: Int) {
        val needed = size + count
        if (needed <= message.size) return
        val end = if (isFinal) size + remaining else maxSize
        val capacity = if (isFinal && count == remaining) needed else maxOf(needed, message.size * 2, MIN_CAPACITY)
        message = message.copyOf(minOf(capacity, end))
    }

    private fun completed(): Inbound? {
        step = FIRST_BYTE
        when (opcode) {
            PING -> return Inbound.Ping(control)
            PONG -> return Inbound.Pong
            CLOSE -> return closed()
        }
        isInMessage = !isFinal
        if (isInMessage) return null
        if (isText && !isCompressed && !text.isComplete) invalidText()
        val bytes = if (message.size == size) message else message.copyOf(size)
        message = EMPTY
        return Inbound.Data(bytes, isText, isCompressed)
    }

    private fun closed(): Inbound {
        if (control.isEmpty()) return Inbound.Close(NO_STATUS_CODE).also { step = DONE }
        if (control.size == 1) violated("close frame with a one-byte payload")
        val code = (control[0].toInt() and 0xFF shl 8) or (control[1].toInt() and 0xFF)
        if (!isCloseCode(code)) violated("close frame with the invalid code $code")
        text.reset()
        if (!text.accepts(control, 2, control.size) || !text.isComplete) {
            fail(CloseCode.InvalidText, "close reason is not valid UTF-8")
        }
        step = DONE
        return Inbound.Close(code)
    }

    private fun invalidText(): Nothing = fail(CloseCode.InvalidText, "text message is not valid UTF-8")

    private fun violated(reason: String): Nothing = fail(CloseCode.WebSocketViolated, reason)

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
        const val COMPRESSED = 0x40
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

        const val MIN_CAPACITY = 256
        const val NO_STATUS_CODE = 1005
        val EMPTY = ByteArray(0)
    }
}
