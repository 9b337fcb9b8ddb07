package dev.live.samples.dashboard

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeSorted
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.ktor.client.request.get
import io.ktor.client.statement.bodyAsText
import io.ktor.server.application.Application
import kotlinx.serialization.json.Json
import kotlin.time.Duration.Companion.milliseconds

class DashboardTest : FunSpec({

    test("a page receives every metric") {
        testLive(Application::fastDashboard) {
            val samples = connect().received<Sample>("metrics")

            val metrics = samples.next(24).map { it.metric }.toSet()

            metrics shouldContainAll listOf("heap", "cpu", "sessions", "published", "delivered", "merged")
        }
    }

    test("a new page loads the last minute and continues at its position") {
        testLive(Application::fastDashboard) {
            awaitUntil("values are published") { live.stats.published > 60 }
            val lastMinute = lastMinute()

            val page = connectRaw()
            val ack = page.request(subscribe(lastMinute.position))
            val next = page.next()

            lastMinute.samples.filter { it.metric == "heap" }.map { it.at }.shouldBeSorted()
            ack.decode<SubscribedData>().recovered shouldBe true
            checkNotNull(next.offset) shouldBeGreaterThan lastMinute.position.offset // no duplicates
        }
    }

    test("a position with an unknown epoch reports a gap") {
        testLive(Application::fastDashboard) {
            val page = connectRaw()

            val ack = page.request(subscribe(Position("unknown-epoch", 5)))

            ack.decode<SubscribedData>().recovered shouldBe false
        }
    }

    test("throttling delivers fewer values than measured, in order") {
        testLive(Application::fastDashboard) {
            val page = connectRaw()
            page.request(subscribe(since = null))

            val offsets = List(30) { page.next() }.map { checkNotNull(it.offset) }

            offsets shouldContainExactly offsets.sorted()
            offsets.last() - offsets.first() shouldBeGreaterThan 10L * offsets.size
        }
    }

    test("clients cannot publish") {
        testLive(Application::fastDashboard) {
            val client = connect()
            client.received<Sample>("metrics")

            val rejected =
                shouldThrow<LiveException> { client.topic<Sample>("metrics").publish(Sample("heap", 0, 1.0)) }

            rejected.code shouldBe ErrorCode.Forbidden
        }
    }

    test("a rate counts the last two seconds") {
        val rate = Rate()

        val rates = listOf(0L to 0L, 500L to 5L, 1_000L to 10L, 2_000L to 20L, 4_000L to 20L).map { (at, count) ->
            rate.perSecond(at, count)
        }

        rates shouldContainExactly listOf(0.0, 10.0, 10.0, 10.0, 0.0)
    }
})

/** Measures a thousand times per second, to shorten the tests. */
private fun Application.fastDashboard(): Unit = dashboard(interval = 1.milliseconds)

private fun subscribe(since: Position?) =
    Message(MessageType.SUBSCRIBE, "metrics", "1", since?.let { Body.of(SubscribeData(it)) })

private suspend fun LiveTest.lastMinute(): LastMinute =
    Json.decodeFromString(httpClient.get("/last-minute").bodyAsText())
