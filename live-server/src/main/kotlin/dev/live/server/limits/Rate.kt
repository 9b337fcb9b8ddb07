package dev.live.server.limits

/**
 * How much may come: [perSecond] on average, [burst] at once.
 */
internal class Rate(val perSecond: Int, val burst: Int) {
    /** Nothing has to be counted then. */
    val isUnlimited: Boolean get() = perSecond == Int.MAX_VALUE
}
