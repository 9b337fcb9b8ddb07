package dev.live.protocol

/** Writes the subset of MessagePack that a message needs, each item in its shortest form. */
internal class MessagePackWriter(capacity: Int) : BinaryWriter(capacity) {
    override fun mapHeader(count: Int): Unit = byte(0x80 or count)

    override fun text(value: String) {
        val utf8 = value.encodeToByteArray()
        when {
            utf8.size < 32 -> byte(0xa0 or utf8.size)
            utf8.size < 0x100 -> marked(0xd9, utf8.size.toLong(), 1)
            utf8.size < 0x10000 -> marked(0xda, utf8.size.toLong(), 2)
            else -> marked(0xdb, utf8.size.toLong(), 4)
        }
        raw(utf8)
    }

    override fun binary(value: ByteArray) {
        when {
            value.size < 0x100 -> marked(0xc4, value.size.toLong(), 1)
            value.size < 0x10000 -> marked(0xc5, value.size.toLong(), 2)
            else -> marked(0xc6, value.size.toLong(), 4)
        }
        raw(value)
    }

    override fun unsigned(value: Long) {
        when {
            value < 0x80 -> byte(value.toInt())
            value < 0x100 -> marked(0xcc, value, 1)
            value < 0x10000 -> marked(0xcd, value, 2)
            value < 0x1_0000_0000 -> marked(0xce, value, 4)
            else -> marked(0xcf, value, 8)
        }
    }
}
