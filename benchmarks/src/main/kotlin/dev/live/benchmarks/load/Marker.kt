package dev.live.benchmarks.load

/**
 * What every payload begins with: `~`, 8 hexadecimal digits of the publish's number and 16 of the time it was sent
 * (`System.nanoTime`). Whatever envelope a server wraps the payload in, the generator finds its own bytes in it.
 */
internal object Marker {
    const val START: Byte = '~'.code.toByte()
    const val SIZE = 1 + 8 + 16

    private val digits = "0123456789abcdef".toByteArray()
    private val values = ByteArray(256) { i -> "0123456789abcdef".indexOf(i.toChar()).toByte() }

    /** A payload of [size] bytes with an empty marker; letters after it. */
    fun payload(size: Int): String {
        require(size >= SIZE) { "a payload must be at least $SIZE bytes, was $size" }
        return "~" + "0".repeat(SIZE - 1) + "x".repeat(size - SIZE)
    }

    /** Overwrites the marker that begins at [at]. */
    fun write(bytes: ByteArray, at: Int, sequence: Int, time: Long) {
        for (i in 0 until 8) bytes[at + 1 + i] = digits[(sequence ushr (28 - 4 * i)) and 15]
        for (i in 0 until 16) bytes[at + 9 + i] = digits[((time ushr (60 - 4 * i)) and 15).toInt()]
    }

    /** Place of the first whole marker in [from] until [to], or -1: a `~` of the envelope's own is passed over. */
    fun find(bytes: ByteArray, from: Int, to: Int): Int {
        var i = from
        while (i <= to - SIZE) {
            if (bytes[i] == START && isWhole(bytes, i)) return i
            i++
        }
        return -1
    }

    fun isWhole(bytes: ByteArray, at: Int): Boolean {
        for (i in at + 1 until at + SIZE) if (values[bytes[i].toInt() and 255] < 0) return false
        return true
    }

    fun sequence(bytes: ByteArray, at: Int): Int {
        var value = 0
        for (i in at + 1 until at + 9) value = (value shl 4) or values[bytes[i].toInt() and 255].toInt()
        return value
    }

    fun time(bytes: ByteArray, at: Int): Long {
        var value = 0L
        for (i in at + 9 until at + SIZE) value = (value shl 4) or values[bytes[i].toInt() and 255].toLong()
        return value
    }
}

/** Finds markers at once where they are at the same place as in the frame before, as they nearly always are. */
internal class MarkerFinder {
    private var hint = 0

    fun find(bytes: ByteArray, from: Int, to: Int): Int {
        val guess = from + hint
        if (guess + Marker.SIZE <= to && bytes[guess] == Marker.START && Marker.isWhole(bytes, guess)) return guess
        return Marker.find(bytes, from, to).also { if (it >= 0) hint = it - from }
    }
}
