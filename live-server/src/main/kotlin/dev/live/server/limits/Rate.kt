package dev.live.server.limits

/** A rate limit of messages or bytes: [perSecond] on average, [burst] at once. */
internal class Rate(val perSecond: Int, val burst: Int) {
    /** Whether there is no limit, so that nothing is counted. */
    val isUnlimited: Boolean get() = perSecond == Int.MAX_VALUE
}
