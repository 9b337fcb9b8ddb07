package dev.live.protocol

/** Writes the subset of CBOR (RFC 8949) that a message needs, each item in its shortest form. */
internal class CborWriter(capacity: Int) : BinaryWriter(capacity) {
    override fun mapHeader(count: Int): Unit = head(MAP, count.toLong())

    override fun text(value: String) {
        val utf8 = value.encodeToByteArray()
        head(TEXT, utf8.size.toLong())
        raw(utf8)
    }

    override fun binary(value: ByteArray) {
        head(BINARY, value.size.toLong())
        raw(value)
    }

    override fun unsigned(value: Long): Unit = head(UNSIGNED, value)

    private fun head(major: Int, argument: Long) {
        when {
            argument < 24 -> byte(major or argument.toInt())
            argument < 0x100 -> marked(major or 24, argument, 1)
            argument < 0x10000 -> marked(major or 25, argument, 2)
            argument < 0x1_0000_0000 -> marked(major or 26, argument, 4)
            else -> marked(major or 27, argument, 8)
        }
    }

    private companion object {
        // major types, in the upper three bits
        const val UNSIGNED = 0x00
        const val BINARY = 0x40
        const val TEXT = 0x60
        const val MAP = 0xa0
    }
}
