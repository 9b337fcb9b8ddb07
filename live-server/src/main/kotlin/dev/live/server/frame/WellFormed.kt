package dev.live.server.frame

/**
 * Returns the first [maxLength] characters as well-formed Unicode that UTF-8 can encode. U+FFFD replaces each unpaired
 * surrogate, such as from an application that truncates text inside a surrogate pair. A pair at the limit is left out.
 */
internal fun String.wellFormed(maxLength: Int = Int.MAX_VALUE): String {
    val end = if (length <= maxLength) length else maxLength - if (isPairAt(maxLength - 1)) 1 else 0
    for (i in 0 until end) if (isUnpairedAt(i)) return repaired(end)
    return if (end == length) this else substring(0, end)
}

private fun String.repaired(end: Int): String =
    buildString(end) {
        for (i in 0 until end) append(if (this@repaired.isUnpairedAt(i)) '\uFFFD' else this@repaired[i])
    }

private fun String.isUnpairedAt(i: Int): Boolean = this[i].isSurrogate() && !isPairAt(i) && !(i > 0 && isPairAt(i - 1))

/** Whether the characters at [i] and [i] + 1 are a surrogate pair. */
private fun String.isPairAt(i: Int): Boolean =
    this[i].isHighSurrogate() && i + 1 < length && this[i + 1].isLowSurrogate()
