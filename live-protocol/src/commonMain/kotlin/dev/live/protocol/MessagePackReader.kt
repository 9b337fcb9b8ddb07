package dev.live.protocol

/**
 * Reads MessagePack item by item, by the letter of its specification. Not thread-safe; one instance reads one input.
 *
 * Nothing is allocated for a length before the bytes that it claims are known to be there.
 *
 * @param maxDepth how deep an item that is skipped may nest arrays and maps
 */
internal class MessagePackReader(private val bytes: ByteArray, private val maxDepth: Int) {
    private var at = 0

    /** Items still to come, per open container of what is skipped. */
    private var waiting = LongArray(8)

    val isAtEnd: Boolean get() = at == bytes.size

    /** Reads the head of a map and gives the number of its names and values, or -1 if the next item is no map. */
    fun mapHeader(): Long =
        when (val marker = marker()) {
            in 0x80..0x8f -> marker and 0x0fL
            0xde -> unsigned(2)
            0xdf -> unsigned(4)
            else -> -1
        }

    /** Reads a string, or gives null if the next item is none. */
    fun text(): String? {
        val length = textLength(marker())
        if (length < 0) return null
        val start = take(length)
        return bytes.decodeUtf8(start, at)
    }

    /** Reads a byte string, or gives null if the next item is none. */
    fun binary(): ByteArray? {
        val length = binaryLength(marker())
        if (length < 0) return null
        val start = take(length)
        return bytes.copyOfRange(start, at)
    }

    /** Reads an integer in whatever form, or gives -1 if the next item is none, or is outside 0 to 2^63-1. */
    fun unsigned(): Long =
        when (val marker = marker()) {
            in 0x00..0x7f -> marker.toLong()
            0xcc -> unsigned(1)
            0xcd -> unsigned(2)
            0xce -> unsigned(4)
            0xcf, 0xd3 -> unsigned(8)
            0xd0 -> unsigned(1).toByte().toLong()
            0xd1 -> unsigned(2).toShort().toLong()
            0xd2 -> unsigned(4).toInt().toLong()
            else -> -1
        }.coerceAtLeast(-1)

    /** Reads one item of any kind, and all that it holds. */
    fun skip() {
        var depth = 0
        waiting[0] = 1
        while (true) {
            while (waiting[depth] == 0L) if (depth-- == 0) return
            waiting[depth]--
            val items = skipHead()
            if (items < 0) continue
            if (depth == maxDepth) throw MalformedMessageException("the message is nested deeper than $maxDepth")
            if (++depth == waiting.size) waiting = waiting.copyOf(depth * 2)
            waiting[depth] = items
        }
    }

    /** Reads a scalar, or the head of a container: then gives the number of items in it, otherwise -1. */
    private fun skipHead(): Long {
        val marker = marker()
        val textLength = textLength(marker)
        when {
            textLength >= 0 -> {
                val start = take(textLength)
                bytes.decodeUtf8(start, at)
            }
            marker in 0x80..0x8f -> return (marker and 0x0f) * 2L
            marker in 0x90..0x9f -> return marker and 0x0fL
            marker == 0xdc -> return unsigned(2)
            marker == 0xdd -> return unsigned(4)
            marker == 0xde -> return unsigned(2) * 2
            marker == 0xdf -> return unsigned(4) * 2
            marker == 0xc1 -> throw MalformedMessageException(
                "the message is not valid MessagePack: byte c1 is never used",
            )
            else -> take(scalarLength(marker))
        }
        return -1
    }

    /** Bytes that follow [marker] in an item that is neither text nor a container. */
    private fun scalarLength(marker: Int): Long =
        when (marker) {
            0xcc, 0xd0 -> 1
            0xcd, 0xd1 -> 2
            0xca, 0xce, 0xd2 -> 4
            0xcb, 0xcf, 0xd3 -> 8
            0xc4, 0xc5, 0xc6 -> binaryLength(marker)
            0xc7 -> unsigned(1) + 1 // an extension's type byte follows its length
            0xc8 -> unsigned(2) + 1
            0xc9 -> unsigned(4) + 1
            in 0xd4..0xd8 -> (1L shl (marker - 0xd4)) + 1
            else -> 0 // nil, booleans and the integers that fit into the marker
        }

    private fun textLength(marker: Int): Long =
        when (marker) {
            in 0xa0..0xbf -> marker and 0x1fL
            0xd9 -> unsigned(1)
            0xda -> unsigned(2)
            0xdb -> unsigned(4)
            else -> -1
        }

    private fun binaryLength(marker: Int): Long =
        when (marker) {
            0xc4 -> unsigned(1)
            0xc5 -> unsigned(2)
            0xc6 -> unsigned(4)
            else -> -1
        }

    private fun marker(): Int = bytes[take(1)].toInt() and 0xff

    /** Reads [width] bytes, the highest first; eight of them may come out negative. */
    private fun unsigned(width: Int): Long {
        val start = take(width.toLong())
        var value = 0L
        for (i in start until at) value = (value shl 8) or (bytes[i].toLong() and 0xff)
        return value
    }

    /** Moves past [length] bytes and gives where they begin. */
    private fun take(length: Long): Int {
        if (length >
            bytes.size - at
        ) {
            throw MalformedMessageException("the message is not valid MessagePack: it ends too early")
        }
        return at.also { at += length.toInt() }
    }

    private infix fun Int.and(mask: Long): Long = toLong() and mask
}
