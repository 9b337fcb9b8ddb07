package dev.live.netty

import ch.qos.logback.classic.Level
import ch.qos.logback.classic.Logger
import ch.qos.logback.classic.spi.ILoggingEvent
import ch.qos.logback.core.read.ListAppender
import io.ktor.server.application.Application
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.netty.NettyApplicationEngine
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import io.netty.channel.Channel
import org.slf4j.LoggerFactory
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.util.concurrent.ConcurrentLinkedQueue

/** The channel and the log lines of a server with one request. */
internal class Observed(val channel: String, val logs: List<ILoggingEvent>) {
    val messages: List<String> get() = logs.map { it.formattedMessage }
    val warnings: List<String> get() = logs.filter { it.level == Level.WARN }.map { it.formattedMessage }
}

/** Starts a server, sends one request and stops the server. */
internal suspend fun serveOnce(configure: NettyApplicationEngine.Configuration.() -> Unit): Observed {
    val logger = LoggerFactory.getLogger("dev.live.netty") as Logger
    val appender = ListAppender<ILoggingEvent>().apply { start() }
    logger.level = Level.INFO
    logger.addAppender(appender)
    val channels = ConcurrentLinkedQueue<Channel>()
    try {
        val server = server {
            channelPipelineConfig = { channels += channel() }
            configure()
        }
        server.startSuspend(wait = false)
        try {
            server.request() shouldBeText "hello"
        } finally {
            server.stop(gracePeriodMillis = 0, timeoutMillis = 2_000)
        }
        return Observed(channels.single().javaClass.simpleName, appender.list.toList())
    } finally {
        logger.detachAppender(appender)
    }
}

internal fun server(
    port: Int = 0,
    configure: NettyApplicationEngine.Configuration.() -> Unit,
): EmbeddedServer<NettyApplicationEngine, NettyApplicationEngine.Configuration> =
    embeddedServer(
        Netty,
        configure = {
            connector {
                host = "127.0.0.1"
                this.port = port
            }
            configure()
        },
    ) { hello() }

internal fun Application.hello() {
    routing { get("/") { call.respondText("hello") } }
}

internal suspend fun EmbeddedServer<*, *>.request(): String {
    val port = engine.resolvedConnectors().single().port
    val request = HttpRequest.newBuilder(URI("http://127.0.0.1:$port/")).version(HttpClient.Version.HTTP_1_1).build()
    return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body()
}

private infix fun String.shouldBeText(expected: String) = check(this == expected) { "the server has replied '$this'" }
