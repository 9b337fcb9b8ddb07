package dev.live.protocol

import kotlinx.serialization.Serializable

/**
 * A position in a topic's history: directly after the message with [offset], or before the first message if it is 0.
 *
 * @property epoch identifies the history, 1 to [MAX_EPOCH_BYTES] bytes of UTF-8. Offsets of different epochs are not
 *   comparable
 * @property offset not negative
 * @throws IllegalArgumentException if a field is out of bounds; the message names the field
 */
@Serializable
public class Position(
    public val epoch: String,
    @Serializable(with = OffsetSerializer::class) public val offset: Long,
) {
    init {
        // the length check first: the size of a hostile, very long text is never computed
        val bytes = if (epoch.length > MAX_EPOCH_BYTES) epoch.length else utf8Size(epoch)
        require(bytes in 1..MAX_EPOCH_BYTES) { "epoch must be 1 to $MAX_EPOCH_BYTES bytes" }
        require(offset >= 0) { "offset must not be negative, was $offset" }
    }

    override fun equals(other: Any?): Boolean = other is Position && epoch == other.epoch && offset == other.offset

    override fun hashCode(): Int = 31 * epoch.hashCode() + offset.hashCode()

    override fun toString(): String = "$epoch:$offset"

    public companion object {
        /** Maximum size of [epoch], in bytes of UTF-8. */
        public const val MAX_EPOCH_BYTES: Int = 64
    }
}
