package dev.live.server.limits

/**
 * Counts messages that cannot be decoded. The limit is exceeded by [limit] messages within [windowMillis].
 *
 * For a limit of at most [MAX_EXACT] it stores the time of each message. Above, it counts messages per part of the
 * window, so that memory is bounded for any limit; a message then counts for up to one part longer than the window.
 *
 * Only accessed by one session's reader.
 */
internal class BadMessageCounter(private val limit: Int, private val windowMillis: Long) {
    private class Part(val start: Long) {
        var count = 0
    }

    private val partMillis = if (limit <= MAX_EXACT) 1 else windowMillis / PARTS + 1
    private val parts = ArrayDeque<Part>()
    private var total = 0L

    /** Counts one message at [now]; true if the limit is now exceeded. */
    fun count(now: Long): Boolean {
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
        const val MAX_EXACT = 64
        const val PARTS = 60
    }
}
