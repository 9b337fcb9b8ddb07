package dev.live.client

import dev.live.client.connection.HeartbeatSettings
import io.ktor.utils.io.KtorDsl
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Settings of `heartbeat { ... }`. */
@KtorDsl
public class HeartbeatConfig internal constructor() {
    /** Time without a received message after which the client sends a `ping`, positive. Default 25 s. */
    public var interval: Duration = 25.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat interval must be positive, was $value" }
            field = value
        }

    /** Time without a received message after which the client reconnects. Longer than [interval]. Default 60 s. */
    public var timeout: Duration = 60.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat timeout must be positive, was $value" }
            field = value
        }

    internal fun build(): HeartbeatSettings {
        require(timeout > interval) { "heartbeat timeout ($timeout) must be longer than its interval ($interval)" }
        return HeartbeatSettings(interval, timeout)
    }
}
