package dev.live.server.limits

/**
 * Counts messages that could not be decoded: [limit] of them within [windowMillis] are one too many.
 *
 * It keeps the time of each where the limit is at most [MAX_TIMES]. Above, it keeps how many came in each part of the
 * window, so that its memory is bounded for any limit; then one counts for up to a part longer than the window.
 *
 * Only accessed by one session's reader.
 */
internal class BadMessageCounter(private val limit: Int, private val windowMillis: Long) {
    private class Part(val start: Long) {
        var count = 0
    }

    private val partMillis = if (limit <= MAX_TIMES) 1 else windowMillis / PARTS + 1
    private val parts = ArrayDeque<Part>()
    private var total = 0L

    /** Counts one at [now]; true if it was the one too many. */
    fun isTooMany(now: Long): Boolean {
        while (parts.isNotEmpty() && now - parts.first().start > windowMillis + partMillis - 1) {
            total -= parts.removeFirst().count
        }
        val start = now - now % partMillis
        val part = parts.lastOrNull()?.takeIf { it.start == start } ?: Part(start).also(parts::addLast)
        part.count++
        total++
        return total >= limit
    }

    private companion object {
        const val MAX_TIMES = 64
        const val PARTS = 60
    }
}
