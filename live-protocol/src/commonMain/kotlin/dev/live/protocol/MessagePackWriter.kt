package dev.live.protocol

/** Writes the parts of MessagePack that a message needs, each in its shortest form. Not thread-safe. */
internal class MessagePackWriter(capacity: Int) {
    private var bytes = ByteArray(capacity)
    private var size = 0

    /** Announces [count] names and values; at most 15. */
    fun mapHeader(count: Int) {
        byte(0x80 or count)
    }

    fun text(value: String) {
        val utf8 = value.encodeToByteArray()
        when {
            utf8.size < 32 -> byte(0xa0 or utf8.size)
            utf8.size < 0x100 -> head(0xd9, utf8.size.toLong(), 1)
            utf8.size < 0x10000 -> head(0xda, utf8.size.toLong(), 2)
            else -> head(0xdb, utf8.size.toLong(), 4)
        }
        raw(utf8)
    }

    fun binary(value: ByteArray) {
        when {
            value.size < 0x100 -> head(0xc4, value.size.toLong(), 1)
            value.size < 0x10000 -> head(0xc5, value.size.toLong(), 2)
            else -> head(0xc6, value.size.toLong(), 4)
        }
        raw(value)
    }

    /** Writes [value], which is not negative. */
    fun unsigned(value: Long) {
        when {
            value < 0x80 -> byte(value.toInt())
            value < 0x100 -> head(0xcc, value, 1)
            value < 0x10000 -> head(0xcd, value, 2)
            value < 0x1_0000_0000 -> head(0xce, value, 4)
            else -> head(0xcf, value, 8)
        }
    }

    fun toByteArray(): ByteArray = bytes.copyOf(size)

    private fun head(marker: Int, value: Long, width: Int) {
        byte(marker)
        for (shift in (width - 1) * 8 downTo 0 step 8) byte((value ushr shift).toInt())
    }

    private fun byte(value: Int) {
        if (size == bytes.size) bytes = bytes.copyOf(size * 2)
        bytes[size++] = value.toByte()
    }

    private fun raw(value: ByteArray) {
        if (value.size > bytes.size - size) bytes = bytes.copyOf(maxOf(bytes.size * 2, size + value.size))
        value.copyInto(bytes, size)
        size += value.size
    }
}
