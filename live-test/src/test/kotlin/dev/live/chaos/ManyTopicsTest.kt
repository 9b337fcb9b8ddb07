package dev.live.chaos

import dev.live.client.ClientTopic
import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.server.Live
import dev.live.server.LiveConfig
import dev.live.server.live
import dev.live.server.topic.publish
import dev.live.server.transport.Transport
import dev.live.test.RealServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TimeSource

/** Many topics and many concurrent publishes of one client, with the settings that docs/limits.md recommends. */
class ManyTopicsTest : FunSpec({

    for (engine in Engine.entries) {
        test("1,000 topics are resubscribed after a connection loss without exceeding a limit, on $engine") {
            val closes = CopyOnWriteArrayList<Int>()
            val server =
                RealServer(engine.factory) {
                    rooms(closes) {
                        transport = engine.transport
                        session { maxTopics = 1_000 }
                    }
                }
            withClient(server) { environment ->
                val topics = List(1_000) { environment.live.topic<Int>("room/$it") }
                val subscribes = ConcurrentHashMap<String, Int>()
                val received = ConcurrentHashMap<String, Int>()
                val causes = CopyOnWriteArrayList<DisconnectCause>()
                val watching =
                    launch {
                        environment.live.state.collect { if (it is ConnectionState.Waiting) causes += it.cause }
                    }
                val collecting = topics.map { launch { it.count(subscribes, received) } }
                eventually(3.minutes) { subscribes.size shouldBe 1_000 }

                val cut = TimeSource.Monotonic.markNow()
                environment.proxy.toAll { cut(isReset = true) }
                eventually(3.minutes) { subscribes.values.count { it == 2 } shouldBe 1_000 }
                println("1,000 topics were resubscribed on $engine ${cut.elapsedNow()} after the connection loss")
                topics.forEach { environment.server.application.live.topic(it.name).publish(7) }
                eventually(3.minutes) { received.values.count { it == 7 } shouldBe 1_000 }

                causes.forEach { it.shouldBeInstanceOf<DisconnectCause.ConnectionLost>() }
                closes.filter { it == 4429 || it == 4508 }.shouldBeEmpty()
                (collecting + watching).forEach { it.cancel() }
            }
        }
    }

    test("200 concurrent publishes with the default limits are all acked") {
        val closes = CopyOnWriteArrayList<Int>()
        val published = CopyOnWriteArrayList<Int>()
        withClient(RealServer(Netty) { rooms(closes, published) }) { environment ->
            // the test checks the acks only, so the collector may drop messages
            val room = environment.live.topic<Int>("room/0", overflow = CollectorOverflow.DropOldest)
            val collecting = launch { room.messages.collect {} }
            eventually(1.minutes) { environment.server.application.live.topic("room/0").subscribers shouldBe 1 }

            List(200) { n -> launch { room.publish(n) } }.joinAll()

            published.sorted() shouldContainExactly List(200) { it }
            closes.shouldBeEmpty()
            collecting.cancel()
        }
    }
})

private enum class Engine(val factory: ApplicationEngineFactory<*, *>, val transport: Transport) {
    Netty(io.ktor.server.netty.Netty, Transport.Auto),
    PortableNetty(io.ktor.server.netty.Netty, Transport.Portable),
    Cio(CIO, Transport.Auto),
}

private class Environment(val server: RealServer, val proxy: ChaosProxy, val live: LiveClient)

private suspend fun withClient(server: RealServer, block: suspend CoroutineScope.(Environment) -> Unit) {
    withContext(Dispatchers.Default) {
        server.start()
        ChaosProxy { server.port }.use { proxy ->
            val live = LiveClient("ws://127.0.0.1:${proxy.port}/live?client=1") { requestTimeout = 1.minutes }
            try {
                coroutineScope { block(Environment(server, proxy, live)) }
            } finally {
                live.close()
                withContext(Dispatchers.IO) { server.stop() }
            }
        }
    }
}

private suspend fun ClientTopic<Int>.count(subscribes: MutableMap<String, Int>, received: MutableMap<String, Int>) {
    updates.collect { update ->
        when (update) {
            is TopicUpdate.Received -> received[name] = update.value
            is TopicUpdate.Subscribed -> subscribes[name] = if (update.recovery == Recovery.First) 1 else 2
        }
    }
}

private fun Application.rooms(
    closes: MutableList<Int>,
    published: MutableList<Int> = CopyOnWriteArrayList(),
    configure: LiveConfig.() -> Unit = {},
) {
    install(Live, configure)
    routing {
        live<Unit>("/live") {
            topic<Int>("room/{number}") {
                onPublish {
                    published += it
                    broadcast(it)
                }
            }
            onClose { reason -> closes += reason.code.wire }
        }
    }
}
