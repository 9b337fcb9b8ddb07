package dev.live.benchmarks.load.generator

/**
 * The start of every payload: `~`, 8 hexadecimal digits of the publish's sequence number and 16 of its send time
 * (`System.nanoTime`). The generator finds the marker in any server's envelope.
 */
internal object Marker {
    const val START: Byte = '~'.code.toByte()
    const val SIZE = 1 + 8 + 16

    private val digits = "0123456789abcdef".toByteArray()
    private val values = ByteArray(256) { i -> "0123456789abcdef".indexOf(i.toChar()).toByte() }

    /** A payload of [size] bytes: an empty marker, followed by letters. */
    fun payload(size: Int): String {
        require(size >= SIZE) { "a payload must be at least $SIZE bytes, was $size" }
        return "~" + "0".repeat(SIZE - 1) + "x".repeat(size - SIZE)
    }

    /** Overwrites the marker at [at]. */
    fun write(bytes: ByteArray, at: Int, sequence: Int, time: Long) {
        for (i in 0 until 8) bytes[at + 1 + i] = digits[(sequence ushr (28 - 4 * i)) and 15]
        for (i in 0 until 16) bytes[at + 9 + i] = digits[((time ushr (60 - 4 * i)) and 15).toInt()]
    }

    /**
     * The offset of the first complete marker between [from] and [to], or -1. A `~` of the envelope itself is skipped.
     */
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

/**
 * Finds a marker without a search if it has the same offset as in the previous frame, which is nearly always the case.
 */
internal class MarkerFinder {
    private var hint = 0

    fun find(bytes: ByteArray, from: Int, to: Int): Int {
        val guess = from + hint
        if (guess + Marker.SIZE <= to && bytes[guess] == Marker.START && Marker.isWhole(bytes, guess)) return guess
        return Marker.find(bytes, from, to).also { if (it >= 0) hint = it - from }
    }
}
