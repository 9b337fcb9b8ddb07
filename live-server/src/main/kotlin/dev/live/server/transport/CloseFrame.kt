package dev.live.server.transport

/** Whether [code] may be sent in a close frame: not if it is reserved or undefined (RFC 6455, section 7.4). */
internal fun isCloseCode(code: Int): Boolean = code in 1000..1003 || code in 1007..1014 || code in 3000..4999

/** The payload of a close frame: two bytes of [code], then at most 123 bytes of [reason] (RFC 6455, section 5.5.1). */
internal fun closePayload(code: Int, reason: String): ByteArray {
    val text = reason.encodeToByteArray()
    var end = minOf(text.size, MAX_CLOSE_REASON_BYTES)
    // never truncates inside a character: bytes 10xxxxxx are continuation bytes
    while (end < text.size && end > 0 && text[end].toInt() and 0xC0 == 0x80) end--
    return byteArrayOf((code shr 8).toByte(), code.toByte()) + text.copyOf(end)
}

private const val MAX_CLOSE_REASON_BYTES = 123
