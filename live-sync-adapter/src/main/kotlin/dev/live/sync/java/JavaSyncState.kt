package dev.live.sync.java

import dev.live.sync.client.SyncState
import java.time.Duration
import java.util.OptionalLong
import kotlin.time.toJavaDuration

/**
 * How a [JavaSyncLoop] stands: [SyncState] in Java's types. Cursors are unsigned, in the bits of a `long`: see
 * `Long.toUnsignedString` and `Long.compareUnsigned`.
 *
 * @property phase which of the five states it is
 * @property cursor how far everything has been applied
 * @property target where the scope stands at least, where that is known; unless [Phase.BEHIND] or
 *   [Phase.PULLING] empty
 * @property delay the whole wait before the next try, zero unless [Phase.FAILED]
 * @property cause what went wrong, unless [Phase.FAILED], or [Phase.OFFLINE] by a refusal, null
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
