package dev.live.sync.client

import dev.live.protocol.LiveException
import kotlin.time.Duration
import kotlin.time.TimeMark

/** The state of a [SyncLoop], for display. */
public sealed class SyncState {
    /** The cursor up to which all changes have been applied. */
    public abstract val cursor: ULong

    /** The client has applied all changes that the server reported, and receives new signals. */
    public class InSync(override val cursor: ULong) : SyncState() {
        override fun equals(other: Any?): Boolean = other is InSync && cursor == other.cursor

        override fun hashCode(): Int = cursor.hashCode()

        override fun toString(): String = "InSync($cursor)"
    }

    /**
     * The scope has newer changes, or may have, and a pull starts next. This state is brief.
     *
     * @property target a lower bound of the scope's cursor on the server; null if unknown
     */
    public class Behind(override val cursor: ULong, public val target: ULong?) : SyncState() {
        override fun toString(): String = "Behind($cursor of ${target ?: "?"})"
    }

    /**
     * A pull is running. A poll shows this state as well, even if no newer changes are known.
     *
     * @property target a lower bound of the scope's cursor on the server; null if unknown
     */
    public class Pulling(override val cursor: ULong, public val target: ULong?) : SyncState() {
        override fun toString(): String = "Pulling($cursor of ${target ?: "?"})"
    }

    /**
     * The last pull failed with [cause], and a retry is scheduled.
     *
     * @property delay the total time from the failure to the retry
     * @property until when the retry starts
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
     * The client receives no signals now. Newer changes may go unnoticed until the next poll.
     *
     * @property cause the server's error if it rejected the scope; null if the client is not connected
     */
    public class Offline(override val cursor: ULong, public val cause: LiveException? = null) : SyncState() {
        override fun equals(other: Any?): Boolean =
            other is Offline && cursor == other.cursor && cause === other.cause

        override fun hashCode(): Int = cursor.hashCode()

        override fun toString(): String = "Offline($cursor${cause?.let { ", $it" }.orEmpty()})"
    }
}
