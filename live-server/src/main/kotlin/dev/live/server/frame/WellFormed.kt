package dev.live.server.frame

/**
 * The first [most] characters of [this] as text that UTF-8 can encode: U+FFFD stands for each half of a surrogate pair,
 * which applications make when they cut a text inside a character. A pair is not cut here.
 */
internal fun String.wellFormed(most: Int = Int.MAX_VALUE): String {
    val end = if (length <= most) length else most - if (isPairAt(most - 1)) 1 else 0
    for (i in 0 until end) if (isHalfAt(i)) return repaired(end)
    return if (end == length) this else substring(0, end)
}

private fun String.repaired(end: Int): String =
    buildString(end) {
        for (i in 0 until end) append(if (this@repaired.isHalfAt(i)) '\uFFFD' else this@repaired[i])
    }

private fun String.isHalfAt(i: Int): Boolean = this[i].isSurrogate() && !isPairAt(i) && !(i > 0 && isPairAt(i - 1))

/** Whether the character at [i] and the next one are a surrogate pair. */
private fun String.isPairAt(i: Int): Boolean =
    this[i].isHighSurrogate() && i + 1 < length && this[i + 1].isLowSurrogate()
