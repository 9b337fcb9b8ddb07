package dev.live.server

import dev.live.server.session.OverflowPolicy
import io.ktor.utils.io.KtorDsl
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Settings of the `session { ... }` block. */
@KtorDsl
public class SessionConfig internal constructor() {
    /** Messages that may be queued for one client, at least 1. Default 256. */
    public var queueCapacity: Int = 256
        set(value) {
            require(value >= 1) { "queueCapacity must be at least 1 message, was $value" }
            field = value
        }

    /**
     * Bytes that may be queued for one client, at least 1,024. A larger message is queued alone. Default 1 MiB.
     *
     * Up to four times this limit and four times [queueCapacity] may be queued until the session's writer next runs.
     */
    public var queueBytes: Int = 1024 * 1024
        set(value) {
            require(value >= 1024) { "queueBytes must be at least 1024 bytes, was $value" }
            field = value
        }

    /** Action when the queue of a slow client is full. Default [OverflowPolicy.Close]. */
    public var onOverflow: OverflowPolicy = OverflowPolicy.Close

    /**
     * Maximum time for a client to accept one write, at least 100 ms; a slower client is disconnected (4508).
     * Default 10 s.
     *
     * Only complete writes count. A write on Netty is up to 64 KiB, or one larger message. A write on the portable
     * transport is as much as the engine's pipe holds, up to 2 MiB. A client that reads less than one write in this
     * time, while more data is queued, counts as a client that reads nothing.
     */
    public var writeTimeout: Duration = 10.seconds
        set(value) {
            require(value >= 100.milliseconds) { "writeTimeout must be at least 100ms, was $value" }
            field = value
        }

    /**
     * Maximum run time of a handler, positive and finite; a slower handler is cancelled and the client receives the
     * error `timeout`. The server reads no further messages from a client while its handler runs. Default 30 s.
     */
    public var handlerTimeout: Duration = 30.seconds
        set(value) {
            require(value.isPositive() && value.isFinite()) { "handlerTimeout must be positive and finite, was $value" }
            field = value
        }

    /**
     * Dispatcher that handlers run on. Default [Dispatchers.IO]: a blocking handler does not delay other sessions.
     *
     * [Dispatchers.Unconfined] runs handlers on the thread that read the message. On Netty this is an event loop that
     * many sessions share. It saves two thread switches per message, but a handler that blocks delays every session of
     * its event loop.
     */
    public var handlerDispatcher: CoroutineDispatcher = Dispatchers.IO

    /** Maximum time to write the remaining messages and the close frame of a closed session, positive. Default 5 s. */
    public var closeTimeout: Duration = 5.seconds
        set(value) {
            require(value.isPositive()) { "closeTimeout must be positive, was $value" }
            field = value
        }

    /** Topics that one session may subscribe to, at least 1; above it, `too_many_topics` is returned. Default 100. */
    public var maxTopics: Int = 100
        set(value) {
            require(value >= 1) { "maxTopics must be at least 1, was $value" }
            field = value
        }
}

/** Settings of the `heartbeat { ... }` block. */
@KtorDsl
public class HeartbeatConfig internal constructor() {
    /** Idle time after which the server sends a ping, at least 100 ms. Default 25 s. */
    public var interval: Duration = 25.seconds
        set(value) {
            require(value >= 100.milliseconds) { "heartbeat interval must be at least 100ms, was $value" }
            field = value
        }

    /** Idle time after which the session is closed (4408), longer than [interval]. Default 60 s. */
    public var timeout: Duration = 60.seconds
        set(value) {
            require(value.isPositive()) { "heartbeat timeout must be positive, was $value" }
            field = value
        }
}

/** Settings of the `topics { ... }` block. */
@KtorDsl
public class TopicsConfig internal constructor() {
    /** Published messages that a topic buffers before publishers suspend, at least 1. Default 64. */
    public var buffer: Int = 64
        set(value) {
            require(value >= 1) { "topic buffer must be at least 1 message, was $value" }
            field = value
        }

    /**
     * How long an unused topic is kept, zero or more. Keeping it avoids repeated setup when clients subscribe and
     * unsubscribe in quick succession. Default 1 s.
     */
    public var linger: Duration = 1.seconds
        set(value) {
            require(!value.isNegative()) { "topic linger must not be negative, was $value" }
            field = value
        }

    /**
     * Maximum total payload in the histories of unused topics, in bytes, at least 0. Above it, the histories that have
     * been unused longest are removed, and clients that reconnect receive a gap. Checked about once a second.
     * Default 64 MiB.
     */
    public var idleHistoryBytes: Long = 64L * 1024 * 1024
        set(value) {
            require(value >= 0) { "idleHistoryBytes must not be negative, was $value" }
            field = value
        }
}

/** Settings of the `drain { ... }` block. */
@KtorDsl
public class DrainConfig internal constructor() {
    /** Maximum time that the application waits for sessions to close when it stops, zero or more. Default 5 s. */
    public var timeout: Duration = 5.seconds
        set(value) {
            require(!value.isNegative()) { "drain timeout must not be negative, was $value" }
            field = value
        }

    /**
     * Window in which clients reconnect, each after a random delay, so that they do not all reconnect at the same time.
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
