package dev.live.sync.server

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import dev.live.server.live
import dev.live.sync.support.HANG_TIMEOUT
import dev.live.sync.support.cursor
import dev.live.sync.support.cursorOf
import dev.live.sync.support.onServer
import dev.live.sync.support.subscribe
import dev.live.test.RawConnection
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class LiveSyncLoadTest : FunSpec({

    test("with 16 threads notifying in random order, every client receives increasing cursors and the last one") {
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
                withTimeout(HANG_TIMEOUT) {
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

    test("a client that subscribes while the scope advances receives the new cursor in the ack or after it") {
        onServer { sync ->
            repeat(300) { n ->
                val scope = "race$n"
                sync.notify(scope, 1uL)
                val client = connectRaw()
                val notifying = thread { sync.notify(scope, 2uL) }
                client.send(Message(MessageType.SUBSCRIBE, "sync:$scope", "r"))
                var last = 0uL
                withTimeout(HANG_TIMEOUT) { while (last < 2uL) last = client.cursor() }
                notifying.join()
                client.drop()
            }
        }
    }

    test(
        "10,000 calls per second on 1,000 scopes notify 5 subscribers once per scope and interval",
    ) {
        val interval = 2.seconds // long enough for several notifications even on a slow machine
        onServer(interval, topicsPerSession = 1_000) { sync ->
            val clients = List(5) { connectRaw() }
            clients.map { client ->
                async(Dispatchers.Default) { repeat(1_000) { client.subscribe("s$it") } }
            }.awaitAll()
            val start = TimeSource.Monotonic.markNow()
            launch(Dispatchers.Default) {
                repeat(10_000) { n ->
                    if (n % 100 == 0) delay(10.milliseconds)
                    sync.notify("s${n % 1_000}", n.toULong() + 1uL)
                }
            }

            val counting = clients.map { client ->
                async(Dispatchers.Default) { client.countSignalsUntil(9_001uL, scopes = 1_000) }
            }
            val counts = counting.awaitAll()
            // at most one per interval; +2 for the first and the last interval
            val most = start.elapsedNow() / interval + 2
            for (count in counts) count.values.max().toDouble() shouldBeLessThanOrEqual most
            live.sessions.size shouldBe 5
        }
    }
})

/** Counts the signals per scope until each last cursor has arrived. Fails if a cursor does not increase. */
private suspend fun RawConnection.countSignalsUntil(least: ULong, scopes: Int): Map<String, Int> {
    val last = HashMap<String, ULong>()
    val counts = HashMap<String, Int>()
    while (last.values.count { it >= least } < scopes) {
        val message = next()
        val cursor = cursorOf(message)
        check(cursor > (last[message.topic] ?: 0uL)) { "$cursor after ${last[message.topic]}" }
        last[message.topic] = cursor
        counts[message.topic] = (counts[message.topic] ?: 0) + 1
    }
    last shouldBe List(scopes) { "sync:s$it" to least + it.toULong() }.toMap()
    return counts
}
