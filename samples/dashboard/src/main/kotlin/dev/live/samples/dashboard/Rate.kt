package dev.live.samples.dashboard

/** The rate of a counter over the last two seconds. */
class Rate {
    private val seen = ArrayDeque<Pair<Long, Long>>()

    /** @param at time in milliseconds, not before the previous one */
    fun perSecond(at: Long, count: Long): Double {
        seen.addLast(at to count)
        while (seen.size > 2 && at - seen[1].first >= WINDOW_MS) seen.removeFirst()
        val (since, before) = seen.first()
        return if (at == since) 0.0 else (count - before) * MS_PER_SECOND / (at - since)
    }

    private companion object {
        const val WINDOW_MS = 2_000
        const val MS_PER_SECOND = 1_000.0
    }
}
