package dev.live.chaos

import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import dev.live.test.RealServer
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The server behind the proxy. It keeps its port after a restart, and publishes messages itself. */
internal class ChaosServer {
    private val server = RealServer(Netty) { logs() }

    val port: Int get() = server.port

    suspend fun start(): Unit = withContext(Dispatchers.IO) { server.start() }

    suspend fun stop(): Unit = withContext(Dispatchers.IO) { server.stop() }

    fun subscribers(topic: String): Int = server.application.live.topic(topic).subscribers

    /** Publishes to all logs while [isOn]. The server must not be restarted before this returns. */
    suspend fun publishWhile(ledger: Ledger, isOn: () -> Boolean) {
        while (isOn()) {
            publish(ledger)
            delay(50.milliseconds)
        }
    }

    suspend fun publish(ledger: Ledger) {
        for (log in 0 until LOGS) {
            val publisher = log + SERVER
            server.application.live.topic(logOf(log)).publish(Entry(publisher, ledger.next(publisher)))
            ledger.record(publisher, Outcome.Acked)
        }
    }
}

private fun Application.logs() {
    install(Live) {
        heartbeat {
            interval = 1_500.milliseconds
            timeout = HEARTBEAT_TIMEOUT
        }
        drain {
            timeout = 1.seconds
            reconnectWindow = Duration.ZERO..500.milliseconds
        }
        session { queueCapacity = 8_192 } // a slow test machine must not overflow the queue
        limits { messagesPerSecond = Int.MAX_VALUE }
    }
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["client"] }
            user { it }
            topic<Entry>("log/{log}") { history(size = 20_000) }
            topic<Entry>("journal/{journal}") {
                history(size = 20_000)
                idempotent(window = 2.minutes)
            }
        }
    }
}

internal fun logOf(client: Int): String = "log/${client % LOGS}"

internal fun journalOf(client: Int): String = "journal/${client % JOURNALS}"

/** The topic that [publisher] publishes to. */
internal fun topicOf(publisher: Int): String =
    if (publisher in WITH_KEY until SERVER) journalOf(publisher - WITH_KEY) else logOf(publisher % WITH_KEY)

internal const val LOGS = 5
internal const val JOURNALS = 5

/** Offset of publisher numbers: a client with idempotency keys has its number plus [WITH_KEY]. */
internal const val WITH_KEY = 100

/** The server's publisher for a log has the number of the log plus [SERVER]. */
internal const val SERVER = 200

/** Both sides close a connection that received nothing for this time. */
internal val HEARTBEAT_TIMEOUT = 6.seconds
