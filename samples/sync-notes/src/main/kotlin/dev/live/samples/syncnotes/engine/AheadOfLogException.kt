package dev.live.samples.syncnotes.engine

/**
 * Somebody has come further than the log reaches: it is an older copy than the one they knew.
 *
 * @property cursor where the log ends
 */
class AheadOfLogException(since: Long, val cursor: Long) :
    IllegalStateException("since is $since and the log ends at $cursor")
