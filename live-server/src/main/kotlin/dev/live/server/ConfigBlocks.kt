package dev.live.server

import dev.live.server.config.Check
import dev.live.server.config.Notation
import dev.live.server.config.SettingBlock
import dev.live.server.config.atLeast
import dev.live.server.config.inRange
import dev.live.server.config.notNegative
import dev.live.server.config.notNegativeAndFinite
import dev.live.server.config.positive
import dev.live.server.config.positiveAndFinite
import dev.live.server.session.OverflowPolicy
import io.ktor.utils.io.KtorDsl
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Settings of the `session { ... }` block. One file for this and the smaller blocks, which are lists of settings. */
@KtorDsl
public class SessionConfig internal constructor() {
    internal val settings = SettingBlock("session")

    /** Messages that may be queued for one client, at least 1. Default 256. */
    public var queueCapacity: Int by settings.setting(
        Notation.Count,
        256,
        atLeast(1, "message"),
        "maximum messages queued for one client, see [limits](limits.md#server-bursts)",
    )

    /**
     * Bytes that may be queued for one client, at least 1,024. A larger message is queued alone. Default 1 MiB.
     *
     * Up to four times this limit and four times [queueCapacity] may be queued until the session's writer next runs.
     */
    public var queueBytes: Int by settings.setting(
        Notation.Count,
        1024 * 1024,
        atLeast(1024, "bytes"),
        "maximum bytes queued for one client",
    )

    /** Action when the queue of a slow client is full. Default [OverflowPolicy.Close]. */
    public var onOverflow: OverflowPolicy by settings.setting(
        Notation("a policy", "`close`") { OverflowPolicy.of(it) },
        OverflowPolicy.Close,
        Check.None,
        "the reaction to a full queue",
    )

    /**
     * Maximum time for a client to accept one write, at least 100 ms; a slower client is disconnected (4508).
     * Default 10 s.
     *
     * Only complete writes count. A write on Netty is up to 64 KiB, or one larger message. A write on the portable
     * transport is as much as the engine's pipe holds, up to 2 MiB. A client that reads less than one write in this
     * time, while more data is queued, counts as a client that reads nothing.
     */
    public var writeTimeout: Duration by settings.setting(
        Notation.Time,
        10.seconds,
        atLeast(100.milliseconds),
        "time without accepted bytes before a session ends (4508)",
    )

    /**
     * Maximum run time of a handler, positive and finite; a slower handler is cancelled and the client receives the
     * error `timeout`. The server reads no further messages from a client while its handler runs. Default 30 s.
     */
    public var handlerTimeout: Duration by settings.setting(
        Notation.Time,
        30.seconds,
        positiveAndFinite,
        "time limit of a handler before the response is `timeout`",
    )

    /**
     * Dispatcher that handlers run on. Default null: handlers may block without delaying other sessions. On Netty those
     * that the session's reader calls run on threads of live, at most [handlerThreads], which receive the messages of
     * an event loop in batches. When the server stops, those that still block are interrupted, also one that itself
     * stops the engine.
     *
     * [Dispatchers.IO] runs the others: `onOpen`, `onClose`, `onUnsubscribe` at the end of a session, the check of the
     * first `auth` message, requests and publishes with an idempotency key, hooks of subscriptions that the application
     * makes, and publishing over HTTP. On other transports it runs all handlers.
     *
     * A dispatcher costs two thread switches per message. [Dispatchers.Unconfined] runs handlers on the thread that
     * read the message. On Netty this is an event loop that many sessions share, and a handler that blocks delays all
     * of them. A dispatcher that is shut down or full closes the session whose handler it rejects (1013).
     */
    public var handlerDispatcher: CoroutineDispatcher? = null

    /**
     * Maximum number of threads for handlers on Netty while [handlerDispatcher] is null, at least 1. If all are
     * blocked, further handlers wait; all other work of live continues. The threads are interrupted when the server
     * stops. Default 64.
     */
    public var handlerThreads: Int by settings.setting(
        Notation.Count,
        64,
        atLeast(1, "thread"),
        "maximum threads for handlers on Netty, see [production](production.md)",
    )

    /** Maximum time to write the remaining messages and the close frame of a closed session, positive. Default 5 s. */
    public var closeTimeout: Duration by settings.setting(
        Notation.Time,
        5.seconds,
        positive,
        "time to send the last messages of a closed connection",
    )

    /** Topics that one session may subscribe to, at least 1; above it, `too_many_topics` is returned. Default 100. */
    public var maxTopics: Int by settings.setting(
        Notation.Count,
        100,
        atLeast(1),
        "maximum topics that one session can subscribe to",
    )
}

/** Settings of the `heartbeat { ... }` block. */
@KtorDsl
public class HeartbeatConfig internal constructor() {
    internal val settings = SettingBlock("heartbeat")

    /** Idle time after which the server sends a ping, at least 100 ms. Default 25 s. */
    public var interval: Duration by settings.setting(
        Notation.Time,
        25.seconds,
        atLeast(100.milliseconds),
        "time without traffic before the server pings",
        label = "heartbeat interval",
    )

    /** Idle time after which the session is closed (4408), longer than [interval]. Default 60 s. */
    public var timeout: Duration by settings.setting(
        Notation.Time,
        60.seconds,
        positive,
        "time without traffic before the session ends (4408)",
        label = "heartbeat timeout",
        related = "above `interval`",
    )
}

/** Settings of the `topics { ... }` block. */
@KtorDsl
public class TopicsConfig internal constructor() {
    internal val settings = SettingBlock("topics")

    /** Published messages that a topic buffers before publishers suspend, at least 1. Default 64. */
    public var buffer: Int by settings.setting(
        Notation.Count,
        64,
        atLeast(1, "message"),
        "maximum undelivered messages of a topic before publishers suspend",
        label = "topic buffer",
    )

    /**
     * How long an unused topic is kept, zero or more. Keeping it avoids repeated setup when clients subscribe and
     * unsubscribe in quick succession. Default 1 s.
     */
    public var linger: Duration by settings.setting(
        Notation.Time,
        1.seconds,
        notNegative,
        "time before an unused topic is removed",
        label = "topic linger",
    )

    /**
     * Maximum total payload in the histories of unused topics, in bytes, at least 0. Above it, the histories that have
     * been unused longest are removed, and clients that reconnect receive a gap. Checked about once a second. Ignored
     * with a broker of the application. Default 64 MiB.
     */
    public var idleHistoryBytes: Long by settings.setting(
        Notation.LongCount,
        64L * 1024 * 1024,
        Check<Long>("at least 0", "must not be negative") { it >= 0 },
        "maximum payload in the histories of unused topics",
    )
}

/**
 * Settings of the `compression { ... }` block: `permessage-deflate` (RFC 7692) for WebSocket clients that offer it.
 *
 * Each message is compressed by itself, once for all sessions with the same codec, on the thread that delivers it.
 * Server-sent events are not affected.
 *
 * Compression can reveal a secret: the size of a compressed message shows whether its parts resemble each other. An
 * attacker who can place text beside a secret in one message, and can observe the sizes of many such messages on the
 * network, can guess the secret part by part, although TLS encrypts it (as in the attacks CRIME and BREACH). Messages
 * are never compressed together. Leave compression off if one message contains both a secret, such as a token, and text
 * of another user.
 */
@KtorDsl
public class CompressionConfig internal constructor() {
    internal val settings = SettingBlock("compression")

    /** Whether clients can negotiate compression. Default false: the server ignores their offers. */
    public var enabled: Boolean by settings.setting(
        Notation.Flag,
        false,
        Check.None,
        "compresses messages for WebSocket clients that offer `permessage-deflate`, see " +
            "[compression](production.md#compression)",
    )

    /**
     * Smallest encoded message that is compressed, in bytes, at least 1. Compression costs more than it saves for small
     * messages. Default 512.
     */
    public var minBytes: Int by settings.setting(
        Notation.Count,
        512,
        atLeast(1),
        "bytes of the smallest message that is compressed",
        label = "compression minBytes",
    )

    /** Effort of compression, from 1 (fastest) to 9 (smallest messages). Default 1. */
    public var level: Int by settings.setting(
        Notation.Count,
        1,
        inRange(1..9),
        "effort of compression: the lowest is the fastest, the highest makes messages smallest",
        label = "compression level",
    )
}

/** Settings of the `drain { ... }` block. */
@KtorDsl
public class DrainConfig internal constructor() {
    internal val settings = SettingBlock("drain")

    /**
     * Time between the first failing health check ([liveHealth]) and the close of the sessions when the application
     * stops, zero or more and finite. Until it has passed, sessions continue and clients can connect, because a load
     * balancer still sends them here. Choose more than it needs to detect a failing check. Default 0 s.
     */
    public var delay: Duration by settings.setting(
        Notation.Time,
        Duration.ZERO,
        notNegativeAndFinite,
        "time between the first failing [health check](production.md#health-checks) and the close of sessions",
        label = "drain delay",
    )

    /** Maximum time that the application waits for sessions to close when it stops, zero or more. Default 5 s. */
    public var timeout: Duration by settings.setting(
        Notation.Time,
        5.seconds,
        notNegative,
        "time that the application's stop waits for sessions to end",
        label = "drain timeout",
    )

    /**
     * Window in which clients reconnect, each after a random delay, so that they do not all reconnect at the same time.
     * Not negative. Default 0 to 5 s.
     */
    public var reconnectWindow: ClosedRange<Duration> by settings.setting(
        Notation.TimeRange,
        Duration.ZERO..5.seconds,
        Check<ClosedRange<Duration>>("in order, not negative", "must not be empty or negative") {
            !it.isEmpty() && !it.start.isNegative()
        },
        "window after a restart in which each client reconnects at a random time",
    )
}
