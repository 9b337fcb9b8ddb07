package dev.live.protocol

/**
 * The value of the JSON number [number] as a Long, in any notation: `2`, `2.0`, `20e-1`. Null if it has a fraction or
 * is out of range.
 */
internal fun integerIn(number: String): Long? {
    number.toLongOrNull()?.let { return it } // fast path for plain integers
    val isNegative = number[0] == '-'
    val mantissa = number.removePrefix("-").substringBefore('e').substringBefore('E')
    val exponent = number.substring(mantissa.length + if (isNegative) 1 else 0).drop(1)
    val fraction = mantissa.substringAfter('.', "")
    val digits = (mantissa.substringBefore('.') + fraction).trimStart('0')
    val significant = digits.trimEnd('0')
    if (significant.isEmpty()) return 0
    // no text has enough digits to compensate an exponent beyond 64 bits
    val shift = if (exponent.isEmpty()) 0 else exponent.removePrefix("+").toLongOrNull() ?: return null
    val zeros = shift.coerceIn(-MAX_SHIFT, MAX_SHIFT) - fraction.length + (digits.length - significant.length)
    if (zeros < 0 || significant.length + zeros > MAX_DIGITS) return null
    return ((if (isNegative) "-" else "") + significant + "0".repeat(zeros.toInt())).toLongOrNull()
}

/** More than the number of digits in any text. */
private const val MAX_SHIFT = 1L shl 40
private const val MAX_DIGITS = 19
