package dev.live.protocol

/** The size of [text] in bytes of UTF-8, or -1 if it contains an unpaired surrogate and has no UTF-8 form. */
internal fun utf8Size(text: String): Int {
    var size = 0
    var i = 0
    while (i < text.length) {
        val c = text[i]
        when {
            c.code < 0x80 -> size += 1
            c.code < 0x800 -> size += 2
            !c.isSurrogate() -> size += 3
            c.isHighSurrogate() && i + 1 < text.length && text[i + 1].isLowSurrogate() -> {
                size += 4
                i++
            }
            else -> return -1
        }
        i++
    }
    return size
}

/** [text] with each unpaired surrogate replaced by U+FFFD, so that it has a UTF-8 form. */
internal fun wellFormed(text: String): String {
    if (utf8Size(text) >= 0) return text
    return buildString(text.length) {
        for (i in text.indices) {
            val c = text[i]
            val isPaired =
                if (c.isHighSurrogate()) {
                    i + 1 < text.length && text[i + 1].isLowSurrogate()
                } else {
                    i > 0 && text[i - 1].isHighSurrogate()
                }
            append(if (c.isSurrogate() && !isPaired) '\uFFFD' else c)
        }
    }
}
