package dev.live.protocol

/**
 * The integer that [number], a number of JSON, stands for, in whatever form: `2`, `2.0`, `20e-1`. Null if it has a
 * fraction or does not fit.
 */
internal fun integerIn(number: String): Long? {
    number.toLongOrNull()?.let { return it } // nearly always; of JSON's numbers it takes no other than integers
    val isNegative = number[0] == '-'
    val mantissa = number.removePrefix("-").substringBefore('e').substringBefore('E')
    val exponent = number.substring(mantissa.length + if (isNegative) 1 else 0).drop(1)
    val fraction = mantissa.substringAfter('.', "")
    val digits = (mantissa.substringBefore('.') + fraction).trimStart('0')
    val significant = digits.trimEnd('0')
    if (significant.isEmpty()) return 0
    // an exponent beyond 64 bits is one that no digits outweigh
    val shift = if (exponent.isEmpty()) 0 else exponent.removePrefix("+").toLongOrNull() ?: return null
    val zeros = shift.coerceIn(-FAR, FAR) - fraction.length + (digits.length - significant.length)
    if (zeros < 0 || significant.length + zeros > MOST_DIGITS) return null
    return ((if (isNegative) "-" else "") + significant + "0".repeat(zeros.toInt())).toLongOrNull()
}

/** More than any text has digits. */
private const val FAR = 1L shl 40
private const val MOST_DIGITS = 19
