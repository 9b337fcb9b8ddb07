package dev.live.server

import dev.live.server.session.OverflowPolicy
import io.ktor.utils.io.KtorDsl
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** What `session { ... }` can set. */
@KtorDsl
public class SessionConfig internal constructor() {
    /** Messages that may wait for one client, at least 1. Default 256. */
    public var queueCapacity: Int = 256
        set(value) {
            require(value >= 1) { "queueCapacity must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Bytes that may wait for one client, at least 1,024. A larger message waits alone. Default 1 MiB.
     *
     * Four times as much, here and of [queueCapacity], may wait until the session's writer has had its turn.
     */
    public var queueBytes: Int = 1024 * 1024
        set(value) {
            require(value >= 1024) { "queueBytes must be at least 1024 bytes, was $value" }
            field = value
        }

    /** What happens when a message meets the full queue of a slow client. Default [OverflowPolicy.Close]. */
    public var onOverflow: OverflowPolicy = OverflowPolicy.Close

    /**
     * How long a client may take no bytes before its session ends (4508), at least 100 ms. Default 10 s.
     *
     * What is seen is whether a client has taken the whole of a write: on Netty up to 64 KiB, or one larger message; on the
     * portable transport what the engine's pipe takes, up to 2 MiB. One that reads less than that in this time, while more
     * waits for it, is taken for one that reads nothing.
     */
    public var writeTimeout: Duration = 10.seconds
        set(value) {
            require(value >= 100.milliseconds) { "writeTimeout must be at least 100ms, was $value" }
            field = value
        }

    /**
     * How long a handler may take before its message is answered with `timeout`, positive and finite: nothing is heard
     * from a client while its handler runs. Default 30 s.
     */
    public var handlerTimeout: Duration = 30.seconds
        set(value) {
            require(value.isPositive() && value.isFinite()) { "handlerTimeout must be positive and finite, was $value" }
            field = value
        }

    /**
     * Where handlers run. Default [Dispatchers.IO]: one that blocks its thread holds up nobody else.
     *
     * [Dispatchers.Unconfined] runs them where their message was read, which on Netty is the event loop of many
     * sessions. That spares two changes of threads for each message and is for handlers that never block: one that does
     * holds up every session of its loop.
     */
    public var handlerDispatcher: CoroutineDispatcher = Dispatchers.IO

    /** How long a closed connection may take to deliver its last words, positive. Default 5 s. */
    public var closeTimeout: Duration = 5.seconds
        set(value) {
            require(value.isPositive()) { "closeTimeout must be positive, was $value" }
            field = value
        }

    /** Topics that one session may join, at least 1; one more is answered with `too_many_topics`. Default 100. */
    public var maxTopics: Int = 100
        set(value) {
            require(value >= 1) { "maxTopics must be at least 1, was $value" }
            field = value
        }
}

/** What `heartbeat { ... }` can set. */
@KtorDsl
public class HeartbeatConfig internal constructor() {
    /** Silence after which the server pings, at least 100 ms. Default 25 s. */
    public var interval: Duration = 25.seconds
        set(value) {
            require(value >= 100.milliseconds) { "heartbeat interval must be at least 100ms, was $value" }
            field = value
        }

    /** Silence after which the session ends (4408), above [interval]. Default 60 s. */
    public var timeout: Duration = 60.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat timeout must be positive, was $value" }
            field = value
        }
}

/** What `topics { ... }` can set. */
@KtorDsl
public class TopicsConfig internal constructor() {
    /** Messages that a topic's delivery may be behind before publishers wait, at least 1. Default 64. */
    public var buffer: Int = 64
        set(value) {
            require(value >= 1) { "topic buffer must be at least 1 message, was $value" }
            field = value
        }

    /** How long a topic that nobody uses is kept, zero or more: it spares those that come and go. Default 1 s. */
    public var linger: Duration = 1.seconds
        set(value) {
            require(!value.isNegative()) { "topic linger must not be negative, was $value" }
            field = value
        }

    /**
     * Payload that histories of topics may hold while nobody uses them, in bytes, at least 0; beyond it those unused for
     * longest are forgotten, and whoever comes back is told so. Looked at about once a second. Default 64 MiB.
     */
    public var idleHistoryBytes: Long = 64L * 1024 * 1024
        set(value) {
            require(value >= 0) { "idleHistoryBytes must not be negative, was $value" }
            field = value
        }
}

/** What `drain { ... }` can set. */
@KtorDsl
public class DrainConfig internal constructor() {
    /** How long the application's stop waits for sessions to end, zero or more. Default 5 s. */
    public var timeout: Duration = 5.seconds
        set(value) {
            require(!value.isNegative()) { "drain timeout must not be negative, was $value" }
            field = value
        }

    /**
     * The window in which clients come back, each after a random time, so that they do not come in step.
     * Not negative. Default 0 to 5 s.
     */
    public var reconnectWindow: ClosedRange<Duration> = Duration.ZERO..5.seconds
        set(value) {
            require(!value.isEmpty() && !value.start.isNegative()) {
                "reconnectWindow must not be empty or negative, was $value"
            }
            field = value
        }
}
