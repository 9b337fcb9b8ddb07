package dev.live.client.transport

import io.ktor.http.fromHttpToGmtDate
import io.ktor.util.date.GMTDate
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Parses a `Retry-After` header: seconds or a date (RFC 9110, 10.2.3), at most one hour. Null if [value] is neither.
 */
internal fun parseRetryAfter(value: String, now: GMTDate = GMTDate()): Duration? {
    val text = value.trim()
    val wait = text.toLongOrNull()?.seconds ?: untilDate(text, now) ?: return null
    return wait.coerceIn(Duration.ZERO, MAX_WAIT)
}

private fun untilDate(text: String, now: GMTDate): Duration? =
    try {
        (text.fromHttpToGmtDate().timestamp - now.timestamp).milliseconds
    } catch (_: IllegalStateException) {
        null // thrown by Ktor if the text is not a date
    }

private val MAX_WAIT = 1.hours
