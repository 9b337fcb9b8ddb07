package dev.live.sync.client

import dev.live.protocol.LiveException
import kotlin.time.Duration
import kotlin.time.TimeMark

/** How a [SyncLoop] stands, for a screen that shows it. */
public sealed class SyncState {
    /** How far everything has been applied. */
    public abstract val cursor: ULong

    /** Everything that the server has told of is here, and it tells of what comes. */
    public class InSync(override val cursor: ULong) : SyncState() {
        override fun equals(other: Any?): Boolean = other is InSync && cursor == other.cursor

        override fun hashCode(): Int = cursor.hashCode()

        override fun toString(): String = "InSync($cursor)"
    }

    /**
     * There is more, or may be, and a pull comes next: for a moment, since nothing holds it up.
     *
     * @property target where the scope stands at least; null where that is not known
     */
    public class Behind(override val cursor: ULong, public val target: ULong?) : SyncState() {
        override fun toString(): String = "Behind($cursor of ${target ?: "?"})"
    }

    /**
     * A pull runs; also where nothing is known of more, such as a poll.
     *
     * @property target where the scope stands at least; null where that is not known
     */
    public class Pulling(override val cursor: ULong, public val target: ULong?) : SyncState() {
        override fun toString(): String = "Pulling($cursor of ${target ?: "?"})"
    }

    /**
     * The last pull failed with [cause], and the next one has its time.
     *
     * @property delay how long the whole wait is
     * @property until when it is over
     */
    public class Failed(
        override val cursor: ULong,
        public val cause: Exception,
        public val delay: Duration,
        public val until: TimeMark,
    ) : SyncState() {
        override fun toString(): String = "Failed($cursor, next in $delay: $cause)"
    }

    /**
     * The server cannot tell of anything now: there may be more than is known, until the next poll.
     *
     * @property cause why, where the server refused the scope; null where there is no connection, or none yet
     */
    public class Offline(override val cursor: ULong, public val cause: LiveException? = null) : SyncState() {
        override fun equals(other: Any?): Boolean =
            other is Offline && cursor == other.cursor && cause === other.cause

        override fun hashCode(): Int = cursor.hashCode()

        override fun toString(): String = "Offline($cursor${cause?.let { ", $it" }.orEmpty()})"
    }
}
