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
 * Needs no other plugin. What the block does not set may come from the application's configuration, below `live`: see
 * [LiveConfig]. When the application stops, sessions are drained: see [LiveConfig.drain].
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
        FastPath.keepEarlyFrames(application)
        on(MonitoringEvent(ApplicationStarted)) {
            if (it !== application) return@on
            it.log.info("Live: {}", describe(settings.transport, application.engine.javaClass.name))
        }
        on(MonitoringEvent(ApplicationStopPreparing)) { drain(application, settings.drainTimeout) { server.drain() } }
        // an application that is reloaded stops without the engine; in an ordinary stop it is drained by now. The
        // application that replaces it hears the event too, for all of an engine's share one monitor
        on(MonitoringEvent(ApplicationStopping)) {
            if (it === application) drain(application, settings.drainTimeout) { server.drainForReload() }
        }
    }

/** The server half of [Live]; throws [IllegalStateException] if the plugin is not installed. */
public val Application.live: LiveServer
    get() = attributes.getOrNull(LiveServerKey) ?: error(NOT_INSTALLED)

/** Ktor's event cannot suspend, and the engine closes the sockets as soon as it returns: so this thread has to wait. */
private fun drain(scope: Application, timeout: Duration, drain: suspend () -> Unit) {
    val drained = scope.launch(Dispatchers.Default + CoroutineName("live-drain")) { drain() }.asCompletableFuture()
    try {
        drained.get((timeout + 1.seconds).inWholeMilliseconds, TimeUnit.MILLISECONDS)
    } catch (_: TimeoutException) {
        // the engine cuts what is left
    } catch (_: CancellationException) {
        // the application is past waiting
    } catch (e: ExecutionException) {
        scope.log.error("Live could not end its sessions in order; the engine cuts them.", e.cause)
    } catch (_: InterruptedException) {
        Thread.currentThread().interrupt()
    }
}

private val LiveServerKey = AttributeKey<LiveServer>("dev.live.server")

private const val NOT_INSTALLED =
    "Live is not installed. Add install(Live) { ... } before routing { live(...) { ... } }."
