package dev.live.server

import dev.live.server.transport.FastPath
import dev.live.server.transport.describe
import dev.live.server.transport.requireSupported
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationPlugin
import io.ktor.server.application.ApplicationStarted
import io.ktor.server.application.ApplicationStopPreparing
import io.ktor.server.application.ApplicationStopping
import io.ktor.server.application.createApplicationPlugin
import io.ktor.server.application.hooks.MonitoringEvent
import io.ktor.server.application.log
import io.ktor.util.AttributeKey
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.future.asCompletableFuture
import kotlinx.coroutines.launch
import java.util.concurrent.CancellationException
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * Realtime topics over WebSocket.
 *
 * ```
 * install(Live) {
 *     session { queueCapacity = 512 }
 * }
 * routing {
 *     live<User>("/live") {
 *         authenticate { call -> users.byToken(call.bearerToken()) }
 *         topic<Chat>("room/{room}") { onPublish { chat -> broadcast(chat.copy(from = meta.name)) } }
 *     }
 * }
 * ```
 *
 * No other plugin is required. Settings can also be read from the section `live` of the application's configuration,
 * see [LiveConfig]. Sessions are drained when the application stops, see [LiveConfig.drain].
 */
public val Live: ApplicationPlugin<LiveConfig> =
    createApplicationPlugin("Live", FILE_SECTION, ::liveConfigOf) {
        requireSupported(application.engine.javaClass.name)
        requireSection(application.environment.config)
        val settings = pluginConfig.build()
        val start = TimeSource.Monotonic.markNow()
        val server =
            LiveServer(settings, application.coroutineContext + Dispatchers.Default) {
                start.elapsedNow().inWholeMilliseconds
            }
        application.attributes.put(LiveServerKey, server)
        FastPath.installEarlyFrameBuffer(application)
        on(MonitoringEvent(ApplicationStarted)) {
            if (it !== application) return@on
            it.log.info("Live: {}", describe(settings.transport, application.engine.javaClass.name))
        }
        on(MonitoringEvent(ApplicationStopPreparing)) {
            drain(application, settings.drainDelay + settings.drainTimeout) { server.drain() }
        }
        // A reload stops the application but not the engine. In an ordinary stop, the sessions are already drained.
        // All applications of an engine share one monitor, so the replacing application also receives this event.
        on(MonitoringEvent(ApplicationStopping)) {
            if (it === application) drain(application, settings.drainTimeout) { server.drainForReload() }
        }
    }

/** The server of the [Live] plugin; throws [IllegalStateException] if the plugin is not installed. */
public val Application.live: LiveServer
    get() = attributes.getOrNull(LiveServerKey) ?: error(NOT_INSTALLED)

/**
 * Blocks until [drain] has completed. Ktor's event handler cannot suspend, and the engine closes all sockets as soon as
 * it returns.
 */
private fun drain(scope: Application, timeout: Duration, drain: suspend () -> Unit) {
    val drained = scope.launch(Dispatchers.Default + CoroutineName("live-drain")) { drain() }.asCompletableFuture()
    try {
        drained.get((timeout + 1.seconds).inWholeMilliseconds, TimeUnit.MILLISECONDS)
    } catch (_: TimeoutException) {
        // the engine closes the remaining connections
    } catch (_: CancellationException) {
        // the application has already been cancelled
    } catch (e: ExecutionException) {
        scope.log.error("Live could not drain its sessions; the engine closes their connections.", e.cause)
    } catch (_: InterruptedException) {
        Thread.currentThread().interrupt()
    }
}

private val LiveServerKey = AttributeKey<LiveServer>("dev.live.server")

private const val NOT_INSTALLED =
    "Live is not installed. Add install(Live) { ... } before routing { live(...) { ... } }."
