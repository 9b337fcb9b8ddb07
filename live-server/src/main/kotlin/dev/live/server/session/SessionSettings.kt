package dev.live.server.session

import kotlin.time.Duration

/** The validated values of `session { }` and `heartbeat { }`. */
internal class SessionSettings(
    val queueBound: QueueBound,
    val onOverflow: OverflowPolicy,
    val writeTimeout: Duration,
    val handlerTimeout: Duration,
    val closeTimeout: Duration,
    val maxTopics: Int,
    val heartbeatInterval: Duration,
    val heartbeatTimeout: Duration,
    val reconnectWindow: ClosedRange<Duration>,
)
