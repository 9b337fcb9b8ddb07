package dev.live.netty

import io.ktor.server.netty.NettyApplicationEngine

/** The event loops of a Netty server: how its threads wait for sockets. */
public enum class EventLoops(internal val setting: String) {
    /** [Epoll] on Linux, [KQueue] on macOS, and [Nio] elsewhere or if the native library cannot be loaded. */
    Auto("auto"),

    /** Netty's native transport for Linux. */
    Epoll("epoll"),

    /**
     * Netty's native transport for Linux with io_uring. It needs Linux 5.9 or later and the permission for the system
     * calls of io_uring, which many containers deny.
     */
    IoUring("io_uring"),

    /** Netty's native transport for macOS. */
    KQueue("kqueue"),

    /** The transport of the JDK, which every platform has. */
    Nio("nio"),
}

/**
 * Runs this engine on native event loops, which need less CPU than those of the JDK.
 *
 * ```
 * embeddedServer(Netty, configure = { liveEventLoops() }) { module() }.start(wait = true)
 * ```
 *
 * When the engine starts, the logger `dev.live.netty` reports the loop in one line: `Netty event loop: epoll`. If
 * [loops] are not available, the engine uses the first available of epoll, kqueue and NIO, and one warning states the
 * reason. With [EventLoops.Auto] there is a warning only if a loop of this platform fails to start.
 *
 * The system property `live.netty.eventLoop` takes precedence over [loops]: `auto`, `epoll`, `io_uring`, `kqueue` or
 * `nio`, in any case.
 *
 * Call this function after you set `configureBootstrap`. Event loops or a channel type set there are not replaced. The
 * last call of this function counts. It has no effect once the engine has started. The sizes of the engine's groups
 * apply, and its threads are daemons.
 *
 * @throws IllegalArgumentException if the system property has another value
 */
public fun NettyApplicationEngine.Configuration.liveEventLoops(loops: EventLoops = EventLoops.Auto) {
    useEventLoops(System.getProperty(PROPERTY)?.let(::eventLoopsOf) ?: loops)
}

/** @param types event loops in the order of preference, the last one always available */
internal fun NettyApplicationEngine.Configuration.useEventLoops(
    loops: EventLoops,
    types: List<EventLoopType> = EventLoopType.all,
) {
    val configured = configureBootstrap.let { (it as? EventLoopBootstrap)?.configured ?: it }
    configureBootstrap = EventLoopBootstrap(this, configured, loops, types)
}

private fun eventLoopsOf(setting: String): EventLoops =
    requireNotNull(EventLoops.entries.find { it.setting == setting.lowercase() }) {
        "Unknown value '$setting' of the system property $PROPERTY. " +
            "Use one of ${EventLoops.entries.joinToString { it.setting }}."
    }

internal const val PROPERTY: String = "live.netty.eventLoop"
