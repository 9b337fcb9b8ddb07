package dev.live.protocol

/** Writes an envelope in a binary format. Not thread-safe. */
internal abstract class BinaryWriter(capacity: Int) {
    private var bytes = ByteArray(capacity)
    private var size = 0

    /** Writes the header of a map with [count] entries, at most 15. */
    abstract fun mapHeader(count: Int)

    abstract fun text(value: String)

    abstract fun binary(value: ByteArray)

    /** Writes [value], which must not be negative. */
    abstract fun unsigned(value: Long)

    fun toByteArray(): ByteArray = bytes.copyOf(size)

    /** Writes [message] with [trace] instead of [Message.trace]. The fields are written in their wire order. */
    fun message(message: Message, trace: String): ByteArray {
        val body = message.body
        mapHeader(
            1 + (if (message.topic.isEmpty()) 0 else 1) + (if (message.ref.isEmpty()) 0 else 1) +
                (if (body == null) 0 else 1) + (if (message.offset == null) 0 else 1) + (if (trace.isEmpty()) 0 else 1),
        )
        field(Field.TYPE, message.type)
        if (message.topic.isNotEmpty()) field(Field.TOPIC, message.topic)
        if (message.ref.isNotEmpty()) field(Field.REF, message.ref)
        when (body) {
            is Body.Bytes -> {
                text(Field.BODY)
                binary(body.shared())
            }
            is Body.Json -> field(Field.DATA, body.text)
            null -> Unit
        }
        message.offset?.let {
            text(Field.OFFSET)
            unsigned(it)
        }
        if (trace.isNotEmpty()) field(Field.TRACE, trace)
        return toByteArray()
    }

    private fun field(name: String, value: String) {
        text(name)
        text(value)
    }

    /** Writes [marker], then [value] as a big-endian integer of [width] bytes. */
    protected fun marked(marker: Int, value: Long, width: Int) {
        byte(marker)
        for (shift in (width - 1) * 8 downTo 0 step 8) byte((value ushr shift).toInt())
    }

    protected fun byte(value: Int) {
        if (size == bytes.size) bytes = bytes.copyOf(size * 2)
        bytes[size++] = value.toByte()
    }

    protected fun raw(value: ByteArray) {
        if (value.size > bytes.size - size) bytes = bytes.copyOf(maxOf(bytes.size * 2, size + value.size))
        value.copyInto(bytes, size)
        size += value.size
    }

    companion object {
        /** Initial buffer size in bytes: [body], plus the names, markers and short values of the other fields. */
        fun capacityFor(body: Body?): Int = HEADER_CAPACITY + (body?.size ?: 0)

        private const val HEADER_CAPACITY = 128
    }
}
