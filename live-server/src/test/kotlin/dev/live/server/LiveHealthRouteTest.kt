package dev.live.server

import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.support.Engine
import dev.live.server.support.FakeBroker
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.exchange
import dev.live.server.support.get
import dev.live.server.support.startServer
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The route for load balancers on real engines. */
class LiveHealthRouteTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine GET and HEAD follow the broker, and contain no secrets") {
            val broker = FakeBroker(BrokerStatus(BrokerState.Connecting))
            withServer(engine, { healthServer(broker) }) {
                val starting = "The broker has not connected since this node started."
                health() shouldBe (503 to """{"status":"starting","reason":"$starting"}""")
                head() shouldBe 503

                broker.status = BrokerStatus()
                health() shouldBe (200 to """{"status":"ready","reason":"This node is ready."}""")
                get("/health").header("Cache-Control") shouldBe "no-store"
                get("/health").header("Content-Type") shouldBe "application/json"
                head() shouldBe 200

                broker.status = BrokerStatus(BrokerState.Away, away = 90.seconds)
                health() shouldBe
                    (200 to """{"status":"broker_away","reason":"The broker has been away for 90 s."}""")
                get("/strict").status shouldBe 503
                get("/patient").status shouldBe 200
                broker.status = BrokerStatus(BrokerState.Away, away = 2.minutes)
                get("/patient").status shouldBe 503
                get("/alive").status shouldBe 200

                broker.end(IllegalStateException("broken"))
                eventually(HANG_TIMEOUT) { health().first shouldBe 503 }
                health().second shouldBe
                    """{"status":"broker_ended","reason":"The broker has failed. Restart this node."}"""
                get("/alive").status shouldBe 503
            }
        }

        test("on $engine a server that stops is not ready, and serves its sessions until the delay has passed") {
            val server = startServer(engine) {
                healthServer(FakeBroker()) { drain { delay = 3.seconds } }
            }
            val client = PlainClient.connect(server.url())
            client.ask(PING)

            coroutineScope {
                val stop =
                    async(Dispatchers.IO) {
                        // CIO ends its connections after these times; Netty would wait for them in any case
                        if (engine == Engine.Cio) server.stop(60_000, timeoutMillis = 120_000) else server.stop()
                    }
                eventually(HANG_TIMEOUT) { server.application.live.health shouldBe LiveHealth.Draining }

                client.ask(PING) shouldBe PONG
                client.closed().first shouldBe 1012
                stop.await()
            }
        }
    }

    for (engine in Engine.usual - Engine.Cio) { // CIO accepts no connections from the start of its stop
        test("on $engine a server that stops answers health checks, and accepts clients until the delay has passed") {
            val server = startServer(engine) {
                healthServer(FakeBroker()) { drain { delay = 3.seconds } }
            }
            server.health().first shouldBe 200

            coroutineScope {
                val stop = async(Dispatchers.IO) { server.stop() }
                eventually(HANG_TIMEOUT) {
                    server.health() shouldBe (503 to """{"status":"draining","reason":"This node is shutting down."}""")
                }
                server.get("/alive").status shouldBe 200
                val late = PlainClient.connect(server.url()) // the load balancer has not noticed yet
                late.ask(PING) shouldBe PONG

                late.closed().first shouldBe 1012
                stop.await()
            }
        }
    }

    test("the route without the plugin fails at installation") {
        shouldThrow<IllegalStateException> { withServer(module = { routing { liveHealth("/health") } }) {} }
            .message shouldBe "Live is not installed. Add install(Live) { ... } before routing { live(...) { ... } }."
    }
})

private const val PING = """{"type":"ping"}"""
private const val PONG = """{"type":"pong"}"""

private fun Application.healthServer(broker: FakeBroker, configure: LiveConfig.() -> Unit = {}) {
    install(Live) {
        broker(broker)
        configure()
    }
    routing {
        live<Unit>("/live")
        liveHealth("/health")
        liveHealth("/strict") { it == LiveHealth.Ready }
        liveHealth("/patient") {
            it.isReady && (it as? LiveHealth.BrokerAway)?.let { it.duration > 100.seconds } != true
        }
        liveHealth("/alive") { it != LiveHealth.BrokerEnded }
    }
}

private suspend fun TestServer.health(): Pair<Int, String> = get("/health").run { status to text }

/** The status of a HEAD request. Its response has no body, so that the next response on the connection is intact. */
private fun TestServer.head(): Int {
    val response = exchange(port, "HEAD /health HTTP/1.1", listOf("Host: 127.0.0.1:$port", "Connection: close"))
    response.headers["content-type"] shouldBe "application/json"
    response.headers["cache-control"] shouldBe "no-store"
    response.body shouldBe ""
    return response.status
}
