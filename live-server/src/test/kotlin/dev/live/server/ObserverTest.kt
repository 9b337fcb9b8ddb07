package dev.live.server

import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.observe.LiveObserver
import dev.live.server.support.Engine
import dev.live.server.support.FakeBroker
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.RecordingObserver
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.maps.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldEndWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Observer callbacks and stats, tested over a real socket. */
class ObserverTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine an observer receives all events in order") {
            val observer = RecordingObserver()
            withServer(engine, { rooms(observer) }) {
                val client = PlainClient.connect(url())
                client.ask(SUBSCRIBE)
                client.ask(PUBLISH)
                client.ask(NONSENSE)
                client.close()
                client.closed()
                eventually(HANG_TIMEOUT) { observer.events() shouldContainAll listOf("closed 1000", "ended room/1") }

                // the order of "closed" and "ended" is not defined
                observer.events().filterNot { it == "ended room/1" } shouldContainExactly
                    listOf(
                        "opened",
                        "received ${SUBSCRIBE.length}",
                        "created room/1",
                        "handled subscribe: Done",
                        "received ${PUBLISH.length}",
                        "published room/1 to 1: 1",
                        "delivered 1 of room/1 to 1: 1",
                        "completed room/1: Published",
                        "handled publish: Done",
                        "received ${NONSENSE.length}",
                        "handled message: Rejected",
                        "closed 1000",
                    )
            }
        }
    }

    test("stats match the observer events and the current state") {
        withServer(module = { rooms(null) }) {
            val (ann, bob) = List(2) { PlainClient.connect(url()) }
            for (client in listOf(ann, bob)) client.ask(SUBSCRIBE)
            application.live.topic("room/1").publish(123)
            for (client in listOf(ann, bob)) client.next()

            eventually(HANG_TIMEOUT) {
                // an ack is counted when it is written
                val stats = application.live.stats
                stats.run { listOf(connections, sessions, topics) } shouldBe listOf(2, 2, 1)
                stats.run { listOf(messagesIn, bytesIn) } shouldBe listOf(2L, 2L * SUBSCRIBE.length)
                stats.run { listOf(published, deliveries) } shouldBe listOf(1L, 2L)
                stats.run { listOf(messagesOut, bytesOut) } shouldBe listOf(4L, 6L)
                stats.drops shouldBe emptyMap()
            }
            ann.close()
            bob.close(3_456)
            eventually(HANG_TIMEOUT) {
                application.live.stats.closes shouldContainExactly mapOf("1000" to 1L, "other" to 1L)
                application.live.stats.run { listOf(connections, sessions, topics) } shouldBe listOf(0, 0, 0)
            }
        }
    }

    test("a slow client is reported as dropped messages and a close") {
        val observer = RecordingObserver()
        withServer(module = { rooms(observer) }) {
            val stalled = RawSocket.upgrade(port, receiveBuffer = 16 * 1024)
            stalled.text(SUBSCRIBE)
            stalled.readFrame()
            val text = "x".repeat(4_000)

            while (application.live.sessions.isNotEmpty()) application.live.topic("room/1").publish(text)

            eventually(HANG_TIMEOUT) { observer.events() shouldContain "closed 4508" }
            // SessionRunnerTest checks the number: here the writer may empty the queue between overflow and count
            observer.events().single { it.startsWith("dropped") } shouldEndWith "by close"
            application.live.stats.drops.keys shouldBe setOf("close")
            application.live.stats.closes shouldBe mapOf("4508" to 1L)
            stalled.close()
        }
    }

    test("the outcome of handling is one of four, and the reported type is never chosen by a client") {
        val observer = RecordingObserver()
        withServer(module = { rooms(observer) }) {
            val client = PlainClient.connect(url())

            for (type in listOf("fine", "boom", "stuck", "no")) client.ask("""{"type":"$type","data":1,"ref":"r"}""")
            client.ask("""{"type":"made-up","ref":"r"}""")
            client.ask("""{"type":"ping"}""")

            eventually(HANG_TIMEOUT) {
                observer.events().filter { it.startsWith("handled") } shouldContainExactly
                    listOf(
                        "handled fine: Done",
                        "handled boom: Failed",
                        "handled stuck: TimedOut",
                        "handled no: Rejected",
                        "handled message: Rejected",
                        "handled ping: Done",
                    )
            }
        }
    }

    test("a rate-limited message is reported") {
        val observer = RecordingObserver()
        withServer(module = {
            install(Live) {
                observe(observer)
                limits {
                    messagesPerSecond = 1
                    burst = 2
                }
            }
            routing { live<Unit>("/live") { onMessage { } } }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"ping"}""")
            client.ask("""{"type":"ping"}""")

            client.ask("""{"type":"ping"}""")

            observer.events() shouldContain "limited"
            application.live.stats.rateLimited shouldBe 1
        }
    }

    test("a client that subscribes again from its position counts as a recovery, or as a gap") {
        val observer = RecordingObserver()
        withServer(module = { rooms(observer) }) {
            val client = PlainClient.connect(url())
            val epoch = Regex(""""epoch":"(\w+)"""").find(client.ask(subscribe("stored/1")))!!.groupValues[1]
            repeat(3) { application.live.topic("stored/1").publish(it) }
            repeat(3) { client.next() }

            client.ask(subscribe("stored/1", epoch, offset = 1))
            repeat(2) { client.next() }
            client.ask(subscribe("stored/1", epoch, offset = 3))
            client.ask(subscribe("stored/1", "another", offset = 1))

            observer.events().filter { it.startsWith("recovered") || it.startsWith("gap") } shouldContainExactly
                listOf("recovered 2 of stored/1 for Client", "gap of stored/1 to 1 for Client")
            application.live.stats.run { listOf(recoveries, gaps) } shouldBe listOf(1L, 1L)
        }
    }

    test("a publication that the broker fails is reported, and one of a cancelled caller is not") {
        val observer = RecordingObserver()
        val broker = FakeBroker()
        withServer(module = {
            install(Live) {
                broker(broker)
                observe(observer)
            }
            routing { live<Unit>("/live") }
        }) {
            application.live.topic("t").publish(1)
            broker.status = BrokerStatus(BrokerState.Away)
            shouldThrow<IOException> { application.live.topic("t").publish(1) }
            coroutineScope {
                launch {
                    cancel()
                    shouldThrow<IOException> { application.live.topic("t").publish(1) }
                }
            }

            observer.events().filter { it.startsWith("completed") } shouldContainExactly
                listOf("completed t: Published", "completed t: Failed")
        }
    }

    test("an observer that always throws affects nothing") {
        withServer(module = { rooms(RecordingObserver(failure = IllegalStateException("broken"))) }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)

            client.ask("""{"type":"publish","topic":"room/1","data":1}""") shouldBe
                """{"type":"message","topic":"room/1","data":1}"""
            client.close()

            client.closed().first shouldBe 1000
        }
    }

    test("several observers all receive the events") {
        val (first, second) = List(2) { RecordingObserver() }
        withServer(module = {
            install(Live) {
                observe(first)
                observe(second)
            }
            routing { live<Unit>("/live") { onMessage { } } }
        }) {
            PlainClient.connect(url()).ask("""{"type":"ping"}""")

            for (observer in listOf(first, second)) {
                observer.events() shouldContainAll listOf("opened", "received 15")
            }
        }
    }
})

private const val PUBLISH = """{"type":"publish","topic":"room/1","data":1}"""
private const val NONSENSE = """{"type":"nonsense","ref":"r"}"""
private const val SUBSCRIBE = """{"type":"subscribe","topic":"room/1"}"""

private fun subscribe(topic: String, epoch: String? = null, offset: Long = 0): String {
    val data = epoch?.let { ""","data":{"since":{"epoch":"$it","offset":$offset}}""" }.orEmpty()
    return """{"type":"subscribe","topic":"$topic","ref":"s"$data}"""
}

private fun Application.rooms(observer: LiveObserver?) {
    install(Live) {
        session { handlerTimeout = 300.milliseconds }
        heartbeat { interval = 1.seconds } // so that idle topics are removed sooner
        topics { linger = Duration.ZERO }
        observer?.let(::observe)
    }
    routing {
        live<Unit>("/live") {
            rawTopic("room/{room}")
            rawTopic("stored/{room}") { history(size = 10) }
            request<Int, Int>("fine") { it }
            request<Int, Int>("boom") { error("boom") }
            request<Int, Int>("stuck") { awaitCancellation() }
            request<Int, Int>("no") { reject("no") }
        }
    }
}
