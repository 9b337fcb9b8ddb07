package dev.live.kotlincheck

import dev.live.client.LiveClient
import dev.live.netty.EventLoops
import dev.live.netty.liveEventLoops
import dev.live.redis.RedisBroker
import dev.live.server.Live
import dev.live.server.broker.Broker
import dev.live.server.live
import dev.live.sync.client.syncSignals
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.flow.first
import kotlinx.serialization.Serializable

@Serializable
data class Chat(val text: String, val from: String? = null)

/** This module is compiled with the oldest supported compiler (see README.md), which must read live's metadata. */
class OldCompilerTest : FunSpec({

    test(
        "an application compiled with Kotlin 2.2.21 uses topics, requests and scopes on the server and the client",
    ) {
        testLive(Application::chat) {
            val ann: LiveClient = connect()
            val received = connect().received<Chat>("room/1")
            ann.received<Chat>("room/1") // a publisher must be subscribed

            ann.topic<Chat>("room/1").publish(Chat("hello"))

            received.next() shouldBe Chat("hello", from = "server")
            ann.request<String, Int>("length", "four") shouldBe 4
            ann.syncSignals("list/1").first() shouldBe 7uL
        }
    }

    test("an application compiled with Kotlin 2.2.21 selects event loops") {
        val server =
            embeddedServer(Netty, configure = {
                connector {
                    host = "127.0.0.1"
                    port = 0
                }
                liveEventLoops(EventLoops.Auto)
            }) { chat() }

        server.startSuspend(wait = false)

        server.engine.resolvedConnectors().single().port shouldBeGreaterThan 0
        server.stop(gracePeriodMillis = 0, timeoutMillis = 2_000)
    }

    test("an application compiled with Kotlin 2.2.21 configures a broker on Redis") {
        val broker: Broker = RedisBroker("redis://127.0.0.1") { namespace = "check" } // connects when a server starts

        broker.storedBytes("room/1") shouldBe null
        shouldThrow<IllegalArgumentException> { RedisBroker("redis://127.0.0.1") {} }
    }
})

private fun Application.chat() {
    install(Live)
    val sync = LiveSyncNotifier(live)
    sync.notify("list/1", 7uL)
    routing {
        live<Unit>("/live") {
            topic<Chat>("room/{room}") { onPublish { chat -> broadcast(chat.copy(from = "server")) } }
            request<String, Int>("length") { it.length }
            syncScopes(sync) { _, scope -> scope.startsWith("list/") }
        }
    }
}
