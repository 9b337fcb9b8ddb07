package dev.live.protocol

import kotlinx.serialization.Serializable

/**
 * A place in a topic's history: right behind the message with [offset], or before all of them where it is 0.
 *
 * @property epoch names the history, 1 to [MAX_EPOCH_BYTES] bytes of UTF-8: with another epoch begins another history,
 *   whose offsets have nothing to do with those of this one
 * @property offset not negative
 * @throws IllegalArgumentException if a field is out of its bounds; the message names the field
 */
@Serializable
public class Position(
    public val epoch: String,
    @Serializable(with = OffsetSerializer::class) public val offset: Long,
) {
    init {
        // the first test keeps a hostile length from being walked at all
        val bytes = if (epoch.length > MAX_EPOCH_BYTES) epoch.length else utf8Size(epoch)
        require(bytes in 1..MAX_EPOCH_BYTES) { "epoch must be 1 to $MAX_EPOCH_BYTES bytes" }
        require(offset >= 0) { "offset must not be negative, was $offset" }
    }

    override fun equals(other: Any?): Boolean = other is Position && epoch == other.epoch && offset == other.offset

    override fun hashCode(): Int = 31 * epoch.hashCode() + offset.hashCode()

    override fun toString(): String = "$epoch:$offset"

    public companion object {
        /** Longest [epoch], in bytes of UTF-8. */
        public const val MAX_EPOCH_BYTES: Int = 64
    }
}
