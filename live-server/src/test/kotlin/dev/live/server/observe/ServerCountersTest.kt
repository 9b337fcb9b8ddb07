package dev.live.server.observe

import ch.qos.logback.classic.Logger
import ch.qos.logback.classic.spi.ILoggingEvent
import ch.qos.logback.core.read.ListAppender
import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerStatus
import dev.live.server.support.RecordingObserver
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.maps.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import org.slf4j.LoggerFactory
import kotlin.time.Duration.Companion.milliseconds

class ServerCountersTest : FunSpec({

    test("a delivery counts once per subscriber, and the observer is notified once") {
        val observer = RecordingObserver()
        val counters = ServerCounters(observer)

        counters.delivering("t", messages = 3, subscribers = 10_000, bytes = 30)

        observer.events() shouldContainExactly listOf("delivered 3 of t to 10000: 30")
        counters.snapshot(0, 0, 0).run { listOf(deliveries, messagesOut, bytesOut) } shouldBe
            listOf(30_000L, 30_000L, 300_000L)
    }

    test("a delivery to no subscribers is not counted") {
        val observer = RecordingObserver()

        ServerCounters(observer).delivering("t", messages = 1, subscribers = 0, bytes = 5)

        observer.events() shouldBe emptyList()
    }

    test("messages out are the sum of topic deliveries and messages sent to sessions") {
        val counters = ServerCounters()

        counters.delivering("t", messages = 1, subscribers = 2, bytes = 5)
        counters.sent(messages = 3, bytes = 7)

        counters.snapshot(0, 0, 0).run { listOf(deliveries, messagesOut, bytesOut) } shouldBe listOf(2L, 5L, 31L)
    }

    test("a snapshot is immutable") {
        val counters = ServerCounters()
        counters.received(5)
        counters.dropped("close", 2)
        val snapshot = counters.snapshot(connections = 3, sessions = 2, topics = 1)

        counters.received(6)
        counters.dropped("close", 2)

        snapshot.run { listOf(connections, sessions, topics) } shouldBe listOf(3, 2, 1)
        snapshot.run { listOf(messagesIn, bytesIn) } shouldBe listOf(1L, 5L)
        snapshot.drops shouldBe mapOf("close" to 2L)
        counters.snapshot(0, 0, 0).run { listOf(messagesIn, bytesIn) } shouldBe listOf(2L, 11L)
        "$snapshot" shouldContain "connections=3, sessions=2, topics=1, messagesIn=1, bytesIn=5"
    }

    test("application-defined close codes share one count") {
        val counters = ServerCounters()

        for (code in 3_000..4_999) counters.sessionClosed("s", CloseCode.of(code))
        counters.sessionClosed("s", CloseCode.Normal)

        val closes = counters.snapshot(0, 0, 0).closes
        closes["1000"] shouldBe 1
        closes["4508"] shouldBe 1
        closes["other"] shouldBe 2_000 - CloseCode.All.count { it.wire in 3_000..4_999 }
        closes shouldHaveSize CloseCode.All.count { it.wire in 3_000..4_999 } + 2
    }

    test("an observer that throws is logged once and affects neither the server nor other observers") {
        val (first, second) = List(2) { RecordingObserver() }
        val broken = RecordingObserver(failure = NoClassDefFoundError("metrics"))
        val counters = ServerCounters(first + broken + second)

        val logged = logged {
            repeat(5) { counters.rateLimited("s") }
            counters.handled("publish", 1.milliseconds, HandlerOutcome.Done)
        }

        for (observer in listOf(first, second, broken)) {
            observer.events() shouldContainExactly List(5) { "limited" } + "handled publish: Done"
        }
        logged shouldContainExactly
            listOf("The observer ${RecordingObserver::class.java.name} failed. Its further failures are not logged.")
        counters.snapshot(0, 0, 0).rateLimited shouldBe 5
    }

    test("gaps count once per subscriber, recoveries once per read, and neither without messages or subscribers") {
        val observer = RecordingObserver()
        val counters = ServerCounters(observer)

        counters.recovered("t", messages = 5, RecoveryCause.Broker)
        counters.recovered("t", messages = 0, RecoveryCause.Broker)
        counters.gapReported("t", subscribers = 10_000, RecoveryCause.Broker)
        counters.gapReported("t", subscribers = 0, RecoveryCause.Broker)

        counters.snapshot(0, 0, 0).run { listOf(recoveries, gaps) } shouldBe listOf(1L, 10_000L)
        observer.events() shouldContainExactly listOf("recovered 5 of t for Broker", "gap of t to 10000 for Broker")
    }

    test("an observer that throws at the broker's events is logged once and affects nothing") {
        val broken = RecordingObserver(failure = IllegalStateException("metrics"))
        val second = RecordingObserver()
        val counters = ServerCounters(broken + second)

        val logged = logged {
            counters.publishCompleted("t", 1.milliseconds, PublishOutcome.Failed)
            counters.recovered("t", 1, RecoveryCause.Client)
            counters.gapReported("t", 1, RecoveryCause.Client)
            counters.lagMeasured(1.milliseconds)
            counters.lagSampled(1.milliseconds)
            counters.brokerSampled(BrokerStatus())
        }

        logged.size shouldBe 1
        second.events().size shouldBe 5
        second.brokerSamples.size shouldBe 1
    }

    test("observers are notified in order, regardless of how they were combined") {
        val order = mutableListOf<String>()
        val (a, b, c) = listOf("a", "b", "c").map { name ->
            object : LiveObserver {
                override fun topicCreated(topic: String) {
                    order += name
                }
            }
        }

        ServerCounters((a + b) + c).topicCreated("t")
        ServerCounters(a + (b + c)).topicCreated("t")

        order shouldContainExactly listOf("a", "b", "c", "a", "b", "c")
    }

    test("an observer needs no overrides") {
        val counters = ServerCounters(object : LiveObserver {})

        counters.sessionOpened("s")
        counters.sessionClosed("s", CloseCode.Normal)
        counters.topicCreated("t")
        counters.topicEnded("t")
        counters.received(1)
        counters.published("t", 1, 1)
        counters.delivering("t", 1, 1, 1)
        counters.dropped("close", 1)
        counters.queuesSampled(1, 1, 1, 1)
        counters.handled("message", 1.milliseconds, HandlerOutcome.Failed)
        counters.rateLimited("s")
        counters.publishCompleted("t", 1.milliseconds, PublishOutcome.Published)
        counters.recovered("t", 1, RecoveryCause.Client)
        counters.gapReported("t", 1, RecoveryCause.Broker)
        counters.lagMeasured(1.milliseconds)
        counters.lagSampled(1.milliseconds)
        counters.brokerSampled(BrokerStatus())

        counters.isObserved shouldBe true
        ServerCounters().isObserved shouldBe false
    }
})

/** The messages logged while [block] runs. */
private fun logged(block: () -> Unit): List<String> {
    val logger = LoggerFactory.getLogger("dev.live.server.observe") as Logger
    val appender = ListAppender<ILoggingEvent>().apply { start() }
    logger.addAppender(appender)
    try {
        block()
    } finally {
        logger.detachAppender(appender)
    }
    return appender.list.map { it.formattedMessage }
}
