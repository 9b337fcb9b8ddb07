package dev.live.client.java

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import java.time.Duration
import kotlin.time.toJavaDuration

/**
 * How a client stands with its server: [ConnectionState] in Java's types.
 *
 * @property phase which of the four states it is
 * @property attempt the number of the attempt under way or next, 0 for the first connection and where there is none
 * @property delay the whole wait before the next attempt, zero unless [Phase.WAITING]
 * @property cause why there is no connection, or null while there is one or the first is being made
 */
public class ConnectionStatus private constructor(
    public val phase: Phase,
    public val attempt: Int,
    public val delay: Duration,
    public val cause: DisconnectCause?,
) {
    /** See [ConnectionState]. */
    public enum class Phase { CONNECTING, CONNECTED, WAITING, CLOSED }

    override fun toString(): String =
        buildString {
            append(phase)
            if (phase == Phase.WAITING) append(" for ").append(delay)
            if (cause != null) append(": ").append(cause)
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
                is ConnectionState.Closed ->
                    ConnectionStatus(Phase.CLOSED, attempt = 0, Duration.ZERO, state.cause)
            }
    }
}
