package dev.live.protocol

/** Bytes that [text] takes in UTF-8, or -1 if it holds half of a surrogate pair and so has no UTF-8 form. */
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
