package dev.live.server.broker

import kotlin.time.Duration

/**
 * Bounds of a topic's history. All of them apply: the oldest messages beyond one of them are evicted.
 *
 * @property size maximum number of messages, at least 1
 * @property age maximum age of a message, positive
 * @property bytes maximum bytes of all payloads, at least 1
 * @throws IllegalArgumentException if a bound is out of range; the message names it
 */
public class HistoryBounds(public val size: Int, public val age: Duration, public val bytes: Int) {
    init {
        require(size >= 1) { "history size must be at least 1 message, was $size; leave history out to keep none" }
        require(age.isPositive()) { "history age must be positive, was $age; leave history out to keep none" }
        require(bytes >= 1) { "history bytes must be at least 1, was $bytes; leave history out to keep none" }
    }

    override fun equals(other: Any?): Boolean =
        other is HistoryBounds && size == other.size && age == other.age && bytes == other.bytes

    override fun hashCode(): Int = 31 * (31 * size + age.hashCode()) + bytes

    override fun toString(): String = "HistoryBounds(size=$size, age=$age, bytes=$bytes)"
}
