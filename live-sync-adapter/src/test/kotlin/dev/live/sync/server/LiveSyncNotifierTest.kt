package dev.live.sync.server

import dev.live.client.LiveClient
import dev.live.client.topic.CollectorOverflow
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.client.syncSignals
import dev.live.test.LiveTest
import dev.live.test.RawConnection
import dev.live.test.testLive
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThanOrEqual
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class LiveSyncNotifierTest : FunSpec({

    test("the ack says where the scope stands, and a message of type sync what it has come to") {
        onServer { sync ->
            sync.notify("list/42", 7uL)
            val client = connectRaw()

            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":7}}"""
            sync.notify("list/42", 8uL)

            val told = client.next()
            told.type shouldBe "sync"
            told.topic shouldBe "sync:list/42"
            told.text() shouldBe """{"cursor":8}"""
        }
    }

    test("a scope of which nothing is known has an ack that says nothing") {
        onServer { connectRaw().subscribe("list/42").body shouldBe null }
    }

    test("after a restart the engine is asked, and what was notified since counts if it is newer") {
        onServer(source = { scope -> if (scope == "stored") 5uL else null }) { sync ->
            sync.notify("notified", 3uL)
            val client = connectRaw()

            client.subscribe("stored").text() shouldBe """{"welcome":{"cursor":5}}"""
            client.subscribe("notified").text() shouldBe """{"welcome":{"cursor":3}}"""
            client.subscribe("neither").body shouldBe null
            sync.notify("stored", 4uL)
            connectRaw().subscribe("stored").text() shouldBe """{"welcome":{"cursor":5}}"""
            sync.notify("stored", 6uL)
            connectRaw().subscribe("stored").text() shouldBe """{"welcome":{"cursor":6}}"""
        }
    }

    test("an engine that cannot say where a scope stands is as one that does not know") {
        onServer(source = { error("the database is away") }) { sync ->
            val client = connectRaw()
            client.subscribe("list/42").body shouldBe null
            sync.notify("list/42", 1uL)
            client.cursor() shouldBe 1uL
            connectRaw().subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
        }
    }

    test("what is notified between the welcome and the join is told behind the ack") {
        var between: suspend () -> Unit = {}
        onServer(onWelcome = { between() }) { sync ->
            sync.notify("list/42", 1uL)
            between = {
                val before = live.stats.published
                sync.notify("list/42", 2uL)
                eventually(30.seconds) { live.stats.published shouldBe before + 1 } // to nobody
            }
            eventually(30.seconds) { live.stats.published shouldBe 1 }
            val client = connectRaw()
            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
            client.cursor() shouldBe 2uL
        }
    }

    test("a scope that the application does not allow is forbidden, and nobody may publish to one") {
        onServer {
            val client = connectRaw()
            client.refusal(Message(MessageType.SUBSCRIBE, "sync:secret", "r")) shouldBe "forbidden"
            client.subscribe("list/42")
            client.refusal(Message(MessageType.PUBLISH, "sync:list/42", "r", Body.of(1))) shouldBe "forbidden"
            shouldThrow<LiveException> { connect().syncSignals("secret").first() }.code shouldBe ErrorCode.Forbidden
        }
    }

    test("where no scopes are declared none can be joined") {
        testLive({
            install(Live)
            routing { live<Unit>("/live") { topic<String>("room") } }
        }) {
            LiveSyncNotifier(live).notify("list/42", 1uL)
            shouldThrow<LiveException> { connect().syncSignals("list/42").first() }.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("the edges of what a cursor and a scope can be") {
        onServer { sync ->
            val longest = "x".repeat(251)
            sync.notify("zero", 0uL)
            sync.notify("most", ULong.MAX_VALUE)
            sync.notify(longest, 1uL)
            sync.notify("java", -1L)
            sync.refused shouldBe 0
            sync.notify("", 1uL)
            sync.notify("x".repeat(1024), 1uL)
            sync.notify("a\u0000b", 1uL)
            sync.refused shouldBe 3

            val live = connect()
            live.syncSignals("zero").first() shouldBe 0uL
            live.syncSignals("most").first() shouldBe ULong.MAX_VALUE
            live.syncSignals("java").first() shouldBe ULong.MAX_VALUE
            live.syncSignals(longest).first() shouldBe 1uL
        }
    }

    test("a client that does not read misses all but the newest, and is not closed for it") {
        onServer(interval = 1.milliseconds) { sync ->
            val client = connectRaw()
            client.subscribe("list/42")
            val losses = { live.topic("sync:list/42").losses.conflated }
            var cursor = 0uL
            withTimeout(30.seconds) {
                while (losses() < 100) { // more than its queue, and the network's, have room for
                    val published = live.stats.published
                    sync.notify("list/42", ++cursor)
                    while (live.stats.published == published) yield()
                }
            }

            var last = 0uL
            withTimeout(30.seconds) { while (last < cursor) last = client.cursor() }
            client.ask(Message(MessageType.PING, ref = "p")).type shouldBe MessageType.PONG
            live.sessions.size shouldBe 1
        }
    }

    test("whatever order 16 threads notify in, no client sees a cursor go back, and each gets the last") {
        onServer(interval = 1.milliseconds) { sync ->
            val clients = List(3) { connectRaw().also { it.subscribe("list/42") } }
            val start = CountDownLatch(1)
            val threads =
                List(16) { n ->
                    thread {
                        start.await()
                        for (cursor in (1..500).map { it * 16 + n }.shuffled()) sync.notify("list/42", cursor.toULong())
                    }
                }
            start.countDown()
            for (client in clients) {
                var last = 0uL
                withTimeout(30.seconds) {
                    while (last < 8_015uL) {
                        val next = client.cursor()
                        check(next > last) { "$next after $last" }
                        last = next
                    }
                }
            }
            threads.forEach { it.join() }
        }
    }

    test("who joins while the scope advances is told of it, before or behind the ack") {
        onServer { sync ->
            repeat(300) { n ->
                val scope = "race$n"
                sync.notify(scope, 1uL)
                val client = connectRaw()
                val notifying = thread { sync.notify(scope, 2uL) }
                client.send(Message(MessageType.SUBSCRIBE, "sync:$scope", "r"))
                var last = 0uL
                withTimeout(30.seconds) { while (last < 2uL) last = client.cursor() }
                notifying.join()
                client.drop()
            }
        }
    }

    test(
        "10,000 calls in a second on 1,000 scopes of 5 subscribers tell each scope once an interval, and of its last",
    ) {
        val interval = 2.seconds // so that a slow machine, too, notifies several times in one
        onServer(interval, topicsPerSession = 1_000) { sync ->
            val clients = List(5) { connectRaw() }
            for (client in clients) repeat(1_000) { client.subscribe("s$it") }
            val start = TimeSource.Monotonic.markNow()
            launch(Dispatchers.Default) {
                repeat(10_000) { n ->
                    if (n % 100 == 0) delay(10.milliseconds)
                    sync.notify("s${n % 1_000}", n.toULong() + 1uL)
                }
            }

            val told = clients.map { client ->
                async(Dispatchers.Default) { client.toldUntil(9_001uL, scopes = 1_000) }
            }
            val counts = told.awaitAll()
            // none was told before it was notified, nor twice within an interval; the last may have come a moment ago
            val most = start.elapsedNow() / interval + 2
            for (count in counts) {
                count.values.max().toDouble() shouldBeLessThanOrEqual most
                count.values.sum() shouldBeLessThan 9_000
            }
            live.sessions.size shouldBe 5
        }
    }

    test("an engine that goes on after the server has ended is not troubled") {
        lateinit var left: LiveSyncNotifier
        onServer { sync ->
            sync.notify("list/42", 1uL)
            left = sync
        }
        repeat(1_000) { left.notify("list/$it", 2uL) }

        left.waiting shouldBe 0
    }

    test("bounds that make no sense are refused") {
        onServer {
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.ZERO) }.message shouldBe
                "interval must be finite and at least 1 ms, was 0s"
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.INFINITE) }
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, maxScopes = 1) }.message shouldBe
                "maxScopes must be at least 2, was 1"
        }
    }
})

private fun onServer(
    interval: Duration = 50.milliseconds,
    topicsPerSession: Int = 100,
    source: (suspend (String) -> ULong?)? = null,
    onWelcome: suspend () -> Unit = {},
    test: suspend LiveTest.(LiveSyncNotifier) -> Unit,
) {
    lateinit var sync: LiveSyncNotifier
    testLive({
        install(Live) {
            session { maxTopics = topicsPerSession }
            limits {
                messagesPerSecond = 100_000
                burst = 100_000
                subscribeBurst = topicsPerSession + 1
            }
        }
        sync = LiveSyncNotifier(live, interval, source = source)
        routing { live<Unit>("/live") { declareScopes(sync, { _, scope -> scope != "secret" }, onWelcome) } }
    }, timeout = 30.seconds) { test(sync) }
}

/** How often each scope was told, until the last cursor of each has come; they may only rise. */
private suspend fun RawConnection.toldUntil(least: ULong, scopes: Int): Map<String, Int> {
    val last = HashMap<String, ULong>()
    val told = HashMap<String, Int>()
    while (last.values.count { it >= least } < scopes) {
        val message = next()
        val cursor = cursorOf(message)
        check(cursor > (last[message.topic] ?: 0uL)) { "$cursor after ${last[message.topic]}" }
        last[message.topic] = cursor
        told[message.topic] = (told[message.topic] ?: 0) + 1
    }
    last shouldBe List(scopes) { "sync:s$it" to least + it.toULong() }.toMap()
    return told
}

private suspend fun RawConnection.subscribe(scope: String): Message {
    val ack = ask(Message(MessageType.SUBSCRIBE, "sync:$scope", "r"))
    ack.type shouldBe MessageType.ACK
    return ack
}

private suspend fun RawConnection.refusal(message: Message): String = ask(message).decode<ErrorData>().code

/** Of the next message, be it a signal or an ack. */
private suspend fun RawConnection.cursor(): ULong = cursorOf(next())

private fun cursorOf(message: Message): ULong =
    Regex("\"cursor\":(\\d+)").find(message.text())?.groupValues?.get(1)?.toULong() ?: 0uL

private fun Message.text(): String = (body as Body.Json).text
