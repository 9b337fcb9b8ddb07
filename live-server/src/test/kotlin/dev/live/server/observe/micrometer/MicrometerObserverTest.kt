package dev.live.server.observe.micrometer

import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.PublishOutcome
import dev.live.server.observe.RecoveryCause
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.doubles.shouldBeExactly
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.micrometer.core.instrument.Meter
import io.micrometer.core.instrument.Tag
import io.micrometer.core.instrument.simple.SimpleMeterRegistry
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class MicrometerObserverTest : FunSpec({

    test("gauges follow sessions, topics and queues") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        repeat(3) { observer.sessionOpened("s$it") }
        observer.sessionClosed("s0", CloseCode.Normal)
        observer.topicCreated("a")
        observer.topicCreated("b")
        observer.topicEnded("a")
        observer.queuesSampled(sessions = 2, messages = 9, bytes = 900, deepest = 7)

        registry["live.sessions"].gauge().value() shouldBeExactly 2.0
        registry["live.topics"].gauge().value() shouldBeExactly 1.0
        registry["live.queue.depth"].gauge().value() shouldBeExactly 9.0
    }

    test("counters add up, with one delivery per subscriber") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        observer.messageReceived(100)
        observer.messageReceived(50)
        observer.messagePublished("t", subscribers = 10, bytes = 3)
        observer.delivered("t", messages = 2, subscribers = 10, bytes = 6)
        observer.dropped("close", 5)
        observer.dropped("close", 1)
        observer.rateLimited("s")

        registry["live.messages.in"].counter().count() shouldBeExactly 2.0
        registry["live.bytes.in"].counter().count() shouldBeExactly 150.0
        registry["live.messages.published"].counter().count() shouldBeExactly 1.0
        registry["live.deliveries"].counter().count() shouldBeExactly 20.0
        registry["live.dropped"].tag("policy", "close").counter().count() shouldBeExactly 6.0
        registry["live.rate.limited"].counter().count() shouldBeExactly 1.0
    }

    test("handler time is recorded by type and outcome") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        observer.handled("publish", 3.milliseconds, HandlerOutcome.Done)
        observer.handled("publish", 5.milliseconds, HandlerOutcome.Done)
        observer.handled("count", 1.milliseconds, HandlerOutcome.TimedOut)

        val published = registry["live.handler"].tags("type", "publish", "outcome", "done").timer()
        published.count() shouldBe 2
        published.totalTime(TimeUnit.MILLISECONDS) shouldBeExactly 8.0
        registry["live.handler"].tags("type", "count", "outcome", "timedout").timer().count() shouldBe 1
    }

    test("publications, recoveries and gaps are recorded by outcome and cause") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        observer.publishCompleted("t", 2.milliseconds, PublishOutcome.Published)
        observer.publishCompleted("t", 4.milliseconds, PublishOutcome.Published)
        observer.publishCompleted("t", 5.milliseconds, PublishOutcome.Failed)
        observer.recovered("t", messages = 20, RecoveryCause.Client)
        observer.gapReported("t", subscribers = 7, RecoveryCause.Broker)

        val published = registry["live.publish"].tag("outcome", "published").timer()
        published.count() shouldBe 2
        published.totalTime(TimeUnit.MILLISECONDS) shouldBeExactly 6.0
        registry["live.publish"].tag("outcome", "failed").timer().count() shouldBe 1
        registry["live.recoveries"].tag("cause", "client").counter().count() shouldBeExactly 1.0
        registry["live.recoveries"].tag("cause", "broker").counter().count() shouldBeExactly 0.0
        registry["live.gaps"].tag("cause", "broker").counter().count() shouldBeExactly 7.0
    }

    test("the broker's meters follow its samples, and do not exist without one") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)
        registry.meters.filter { it.id.name.startsWith("live.broker") } shouldBe emptyList()

        observer.brokerSampled(BrokerStatus())
        registry["live.broker.connected"].gauge().value() shouldBeExactly 1.0
        observer.brokerSampled(BrokerStatus(BrokerState.Away, 3.milliseconds, outbox = 8, reconnects = 2, dropped = 5))
        observer.lagMeasured(9.milliseconds)

        registry["live.broker.connected"].gauge().value() shouldBeExactly 0.0
        registry["live.broker.outbox"].gauge().value() shouldBeExactly 8.0
        registry["live.broker.reconnects"].functionCounter().count() shouldBeExactly 2.0
        registry["live.broker.dropped"].functionCounter().count() shouldBeExactly 5.0
        registry["live.broker.lag"].timer().max(TimeUnit.MILLISECONDS) shouldBeExactly 9.0
    }

    test("the current lag grows while nothing arrives, although the timer records nothing") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        observer.lagMeasured(9.milliseconds)
        for (seconds in 1..40) observer.lagSampled(seconds.seconds)

        registry["live.broker.lag.current"].timeGauge().value(TimeUnit.SECONDS) shouldBeExactly 40.0
        registry["live.broker.lag"].timer().count() shouldBe 1
    }

    test("the documented meters are the registered ones") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)
        observer.sessionClosed("s", CloseCode.Normal)
        observer.dropped("close", 1)
        observer.handled("publish", 1.milliseconds, HandlerOutcome.Done)
        observer.brokerSampled(BrokerStatus())
        observer.lagMeasured(1.milliseconds)
        observer.lagSampled(1.milliseconds)
        val rows = File("../docs/observing.md").readLines().filter { it.startsWith("| `live.") }

        val documented = rows.flatMap { row ->
            Regex("`(live[.a-z]+)`").findAll(row.split('|')[1]).map { it.groupValues[1] }
        }

        documented.toSet() shouldBe registry.meters.map { it.id.name }.toSet()
    }

    test("clients cannot increase the number of meters") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry)

        for (number in 0..10_000) {
            observer.sessionOpened("session$number")
            observer.topicCreated("topic$number")
            observer.messagePublished("topic$number", subscribers = 1, bytes = 1)
            observer.delivered("topic$number", messages = 1, subscribers = 1, bytes = 1)
            observer.sessionClosed("session$number", CloseCode.of(3_000 + number % 2_000))
            observer.topicEnded("topic$number")
        }

        registry.meters.size shouldBeLessThan 30
        registry.meters.filter {
            it.id.name == "live.closes"
        }.map { it.id.getTag("code") } shouldContainExactlyInAnyOrder
            listOf("other") + CloseCode.All.filter { it.wire in 3_000..4_999 }.map { it.toString() }
    }

    test("every meter has the configured tags") {
        val registry = SimpleMeterRegistry()
        val observer = MicrometerObserver(registry, listOf(Tag.of("node", "a")))

        observer.sessionClosed("s", CloseCode.Normal)
        observer.dropped("close", 1)
        observer.handled("publish", 1.milliseconds, HandlerOutcome.Done)
        observer.brokerSampled(BrokerStatus())
        observer.lagMeasured(1.milliseconds)
        observer.lagSampled(1.milliseconds)

        registry.meters.forAll { meter: Meter -> meter.id.getTag("node") shouldBe "a" }
    }
})
