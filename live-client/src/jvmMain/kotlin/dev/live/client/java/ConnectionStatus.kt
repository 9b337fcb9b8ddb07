package dev.live.client.java

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.PauseReason
import java.time.Duration
import kotlin.time.toJavaDuration

/**
 * State of a client's connection: [ConnectionState] with Java types.
 *
 * @property phase the kind of state
 * @property attempt number of the current or next attempt; 0 for the first connection, and for phases without an
 *   attempt
 * @property delay total length of the wait before the next attempt; zero unless [Phase.WAITING]
 * @property cause why there is no connection; null unless [Phase.WAITING] or [Phase.CLOSED]
 * @property pause why the client does not connect; null unless [Phase.PAUSED]
 */
public class ConnectionStatus private constructor(
    public val phase: Phase,
    public val attempt: Int,
    public val delay: Duration,
    public val cause: DisconnectCause?,
    public val pause: PauseReason? = null,
) {
    /** The kinds of [ConnectionState]. */
    public enum class Phase { CONNECTING, CONNECTED, WAITING, PAUSED, CLOSED }

    override fun toString(): String =
        buildString {
            append(phase)
            if (phase == Phase.WAITING) append(" for ").append(delay.toMillis()).append(" ms")
            if (cause != null) append(": ").append(cause)
            if (pause != null) append(": ").append(pause)
        }

    internal companion object {
        fun of(state: ConnectionState): ConnectionStatus =
            when (state) {
                is ConnectionState.Connecting ->
                    ConnectionStatus(Phase.CONNECTING, state.attempt, Duration.ZERO, cause = null)
                is ConnectionState.Connected ->
                    ConnectionStatus(Phase.CONNECTED, attempt = 0, Duration.ZERO, cause = null)
                is ConnectionState.Waiting ->
                    ConnectionStatus(Phase.WAITING, state.attempt, state.delay.toJavaDuration(), state.cause)
                is ConnectionState.Paused ->
                    ConnectionStatus(Phase.PAUSED, attempt = 0, Duration.ZERO, cause = null, state.cause)
                is ConnectionState.Closed ->
                    ConnectionStatus(Phase.CLOSED, attempt = 0, Duration.ZERO, state.cause)
            }
    }
}
