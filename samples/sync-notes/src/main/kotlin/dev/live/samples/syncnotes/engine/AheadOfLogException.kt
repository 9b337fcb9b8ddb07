package dev.live.samples.syncnotes.engine

/**
 * A client's cursor is after the end of the log, such as after a restore from a backup.
 *
 * @property cursor the last sequence of the log
 */
class AheadOfLogException(since: Long, val cursor: Long) :
    IllegalStateException("since is $since, but the log ends at $cursor")
