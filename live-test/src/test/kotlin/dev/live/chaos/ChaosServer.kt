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

/** The server behind the proxy, which keeps its port when it is restarted, and publishes too. */
internal class ChaosServer {
    private val server = RealServer(Netty) { logs() }

    val port: Int get() = server.port

    suspend fun start(): Unit = withContext(Dispatchers.IO) { server.start() }

    suspend fun stop(): Unit = withContext(Dispatchers.IO) { server.stop() }

    fun subscribers(topic: String): Int = server.application.live.topic(topic).subscribers

    /** Publishes to all logs as long as [isOn]; a restart has to wait for the end of it. */
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
            ledger.note(publisher, Outcome.Acked)
        }
    }
}

private fun Application.logs() {
    install(Live) {
        heartbeat {
            interval = 1_500.milliseconds
            timeout = SILENCE
        }
        drain {
            timeout = 1.seconds
            reconnectWindow = Duration.ZERO..500.milliseconds
        }
        session { queueCapacity = 8_192 } // how fast the machine of the test is is not to be part of the story
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

/** What a publisher's number has more than its client's, where it publishes with keys; and than a log's, on the server. */
internal const val WITH_KEY = 100
internal const val SERVER = 200

/** After which both sides give a connection up on which nothing is heard. */
internal val SILENCE = 6.seconds
