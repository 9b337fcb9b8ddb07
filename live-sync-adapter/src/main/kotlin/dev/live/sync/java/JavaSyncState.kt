package dev.live.sync.java

import dev.live.sync.client.SyncState
import java.time.Duration
import java.util.OptionalLong
import kotlin.time.toJavaDuration

/**
 * [SyncState] in Java types: the state of a [JavaSyncLoop].
 *
 * Cursors are unsigned numbers in the bits of a `long`: see `Long.toUnsignedString` and `Long.compareUnsigned`.
 *
 * @property phase which of the five states it is
 * @property cursor the cursor up to which all changes have been applied
 * @property target a lower bound of the scope's cursor on the server, in [Phase.BEHIND] and [Phase.PULLING]; empty if
 *   unknown and in other phases
 * @property delay the total time from the failure to the retry in [Phase.FAILED], otherwise zero
 * @property cause the error in [Phase.FAILED], and in [Phase.OFFLINE] if the server rejected the scope; otherwise null
 */
public class JavaSyncState private constructor(
    public val phase: Phase,
    public val cursor: Long,
    public val target: OptionalLong,
    public val delay: Duration,
    public val cause: Exception?,
) {
    /** See [SyncState]. */
    public enum class Phase { IN_SYNC, BEHIND, PULLING, FAILED, OFFLINE }

    override fun toString(): String =
        buildString {
            append(phase).append(" at ").append(cursor.toULong())
            if (target.isPresent) append(" of ").append(target.asLong.toULong())
            if (phase == Phase.FAILED) append(", next in ").append(delay.toMillis()).append(" ms")
            if (cause != null) append(": ").append(cause)
        }

    internal companion object {
        fun of(state: SyncState): JavaSyncState {
            val cursor = state.cursor.toLong()
            return when (state) {
                is SyncState.InSync -> JavaSyncState(Phase.IN_SYNC, cursor, NONE, Duration.ZERO, cause = null)
                is SyncState.Behind ->
                    JavaSyncState(Phase.BEHIND, cursor, of(state.target), Duration.ZERO, cause = null)
                is SyncState.Pulling ->
                    JavaSyncState(Phase.PULLING, cursor, of(state.target), Duration.ZERO, cause = null)
                is SyncState.Failed ->
                    JavaSyncState(Phase.FAILED, cursor, NONE, state.delay.toJavaDuration(), state.cause)
                is SyncState.Offline -> JavaSyncState(Phase.OFFLINE, cursor, NONE, Duration.ZERO, state.cause)
            }
        }

        private fun of(target: ULong?) = if (target == null) NONE else OptionalLong.of(target.toLong())

        private val NONE = OptionalLong.empty()
    }
}
