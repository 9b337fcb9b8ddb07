package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.get
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.maps.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.serverConfig
import io.ktor.server.engine.embeddedServer
import io.ktor.server.routing.routing
import io.ktor.server.tomcat.jakarta.FakeTomcat
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlin.time.Duration.Companion.minutes

/** The transport of a session, as reported by stats, sessions and the admin page. */
class TransportNamesTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        val transport = if (engine.isFast) "netty" else "portable"

        test("stats, sessions and the admin page report the transport of each session, on $engine") {
            withServer(engine, { endpoint() }) {
                val ann = PlainClient.connect(url())
                val bob = EventClient.open(this, "/live/sse?topic=t").apply { next() }

                // the client knows of its upgrade before the server has registered the session
                eventually(1.minutes) {
                    application.live.stats.transports shouldBe mapOf(transport to 1, "sse" to 1)
                }
                application.live.sessions.map { it.transport } shouldContainExactlyInAnyOrder listOf(transport, "sse")
                admin("overview").getValue("transports").jsonObject.mapValues {
                    it.value.jsonPrimitive.content
                } shouldBe
                    mapOf(transport to "1", "sse" to "1")
                admin("sessions").getValue("rows").jsonArray
                    .map { it.jsonObject.getValue("transport").jsonPrimitive.content } shouldContainExactlyInAnyOrder
                    listOf(transport, "sse")
                ann.close()
                bob.close()
                eventually(1.minutes) { application.live.stats.transports.shouldBeEmpty() }
            }
        }

        test("one log line at startup names the transport, on $engine") {
            CapturedLogs().use { logs ->
                withServer(engine, { endpoint() }) {
                    logs.messages.filter { it.startsWith("Live: ") }.single() shouldContain "transport '$transport'"
                }
            }
        }
    }

    test("installation on Tomcat fails and names the supported engines") {
        val failure =
            shouldThrow<IllegalStateException> {
                embeddedServer(FakeTomcat, serverConfig { module { endpoint() } }).start()
            }

        failure.message shouldBe
            "Live does not run on Ktor's Tomcat engine, which cannot close a WebSocket from the server's side. " +
            "Use Netty, CIO or Jetty."
    }
})

private suspend fun TestServer.admin(path: String): JsonObject = get("/admin/api/$path").json.jsonObject

private fun Application.endpoint() {
    install(Live)
    routing {
        live<Unit>("/live") {
            serverSentEvents()
            topic<Int>("t")
        }
        liveAdmin("/admin", unprotected = true)
    }
}
