package dev.live.netty

import io.ktor.server.netty.NettyApplicationEngine
import io.netty.bootstrap.ServerBootstrap
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * Sets the event loops of [configuration]'s engine when it starts.
 *
 * @param configured the function that the application has set before
 */
internal class EventLoopBootstrap(
    private val configuration: NettyApplicationEngine.Configuration,
    val configured: ServerBootstrap.() -> Unit,
    private val loops: EventLoops,
    private val types: List<EventLoopType>,
) : (ServerBootstrap) -> Unit {
    override fun invoke(bootstrap: ServerBootstrap) {
        bootstrap.configured()
        val config = bootstrap.config()
        if (config.group() != null || config.channelFactory() != null) {
            log.info("Netty event loop: set by configureBootstrap")
            return
        }
        val (type, groups) = firstAvailable()
        bootstrap.group(groups.acceptors, groups.workers).channelFactory(ServerChannels(type.channel(), groups::end))
        log.info("Netty event loop: {}", type.name)
    }

    private fun firstAvailable(): Pair<EventLoopType, EventLoopGroups> {
        val failures = mutableListOf<Pair<EventLoopType, Throwable>>()
        val candidates = candidates()
        for (type in candidates) {
            try {
                val groups = open(type)
                failures.forEach { (failed, cause) -> report(failed, cause, type) }
                return type to groups
            } catch (e: InterruptedException) {
                Thread.currentThread().interrupt() // for callers that catch every exception of a start
                throw e
            } catch (e: Exception) {
                if (type === candidates.last()) throw e
                failures += type to e
            } catch (e: LinkageError) {
                if (type === candidates.last()) throw e
                failures += type to e
            }
        }
        error("unreachable: the last event loop fails with its own exception")
    }

    /** The selected type first, then all others; io_uring only if selected. */
    private fun candidates(): List<EventLoopType> {
        val selected = types.filter { it.loops == loops }
        if (loops == EventLoops.Nio) return selected
        return selected + types.filter { it.loops != loops && it.loops != EventLoops.IoUring }
    }

    private fun open(type: EventLoopType): EventLoopGroups {
        type.unavailability()?.let { throw UnavailableException(it) }
        type.channel() // fails early if a class is missing
        val shared = if (configuration.shareWorkGroup) configuration.callGroupSize else 0
        return EventLoopGroups.open(
            type,
            // a connector uses one loop
            acceptors = configuration.connectionGroupSize.coerceIn(1, configuration.connectors.size.coerceAtLeast(1)),
            workers = configuration.workerGroupSize + shared,
        )
    }

    /** Warns if the loop was selected or should work; a loop of another platform is not worth a warning. */
    private fun report(failed: EventLoopType, cause: Throwable, used: EventLoopType) {
        val isExpected = failed.loops != loops && cause is UnavailableException
        val reason = cause.rootCause().toString()
        if (isExpected) {
            log.debug("The event loop {} is not available: {}", failed.name, reason)
            return
        }
        log.warn(
            "The event loop {} is not available: {}. Using {} instead. {} needs {}. " +
                "To select another one, use liveEventLoops(EventLoops.Auto) or -D{}=auto.",
            failed.name,
            reason,
            used.name,
            failed.name,
            failed.requirements,
            PROPERTY,
        )
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.netty")

        fun Throwable.rootCause(): Throwable = generateSequence(this) { it.cause }.take(MAX_CAUSES).last()

        /** A chain of causes may be circular. */
        const val MAX_CAUSES = 16
    }
}

/** The transport has reported that it is not available, because of [cause]. */
private class UnavailableException(cause: Throwable) : Exception(cause)
