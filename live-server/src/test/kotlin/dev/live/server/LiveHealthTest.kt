package dev.live.server

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.support.FakeBroker
import dev.live.server.support.RecordingObserver
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The health and the broker's metrics of a server, in virtual time. */
@OptIn(ExperimentalCoroutinesApi::class)
class LiveHealthTest : FunSpec({

    test("a server without a broker of the application is ready from the start") {
        runTest {
            server().health shouldBe LiveHealth.Ready
        }
    }

    test("a server is starting until its broker connects, and stays ready while the broker is away") {
        runTest {
            val broker = FakeBroker(BrokerStatus(BrokerState.Connecting, away = 1.seconds))
            val server = server { broker(broker) }

            server.health shouldBe LiveHealth.Starting
            server.health.isReady shouldBe false

            broker.status = BrokerStatus()
            server.health shouldBe LiveHealth.Ready
            server.health.isReady shouldBe true

            broker.status = BrokerStatus(BrokerState.Away, away = 12_300.milliseconds)
            val away = server.health.shouldBeInstanceOf<LiveHealth.BrokerAway>()
            away.duration shouldBe 12_300.milliseconds
            away.reason shouldBe "The broker has been away for 12 s."
            away.isReady shouldBe true

            broker.status = BrokerStatus(reconnects = 1)
            server.health shouldBe LiveHealth.Ready
        }
    }

    test("a broker that returns or fails is reported until the restart") {
        for (failure in listOf(null, IllegalStateException("broken"))) {
            runTest {
                val broker = FakeBroker()
                val server = server { broker(broker) }

                broker.end(failure)
                runCurrent()

                server.health shouldBe LiveHealth.BrokerEnded
                server.health.isReady shouldBe false
            }
        }
    }

    test("a broker without a status of its own is always connected") {
        runTest {
            server { broker(MinimalBroker()) }.health shouldBe LiveHealth.Ready
        }
    }

    test("a broker with a failing status is away for an unknown time, and disturbs nothing") {
        runTest {
            val observer = RecordingObserver()
            val broker =
                object : MinimalBroker() {
                    override val status: BrokerStatus get() = error("broken")
                }
            val server =
                server {
                    broker(broker)
                    observe(observer)
                }

            server.health.shouldBeInstanceOf<LiveHealth.BrokerAway>()
            advanceTimeBy(5.seconds)
            observer.brokerSamples.map { it.state }.toSet() shouldBe setOf(BrokerState.Away)
        }
    }

    test("a drain is visible at once, and rejects new connections only after its delay") {
        runTest {
            val broker = FakeBroker(BrokerStatus(BrokerState.Away))
            val server =
                server {
                    broker(broker)
                    drain { delay = 10.seconds }
                }

            val drain = launch { server.drain() }
            runCurrent()

            server.health shouldBe LiveHealth.Draining
            server.health.isReady shouldBe false
            server.context.isDraining() shouldBe false
            advanceTimeBy(9_999)
            server.context.isDraining() shouldBe false
            advanceTimeBy(2)
            server.context.isDraining() shouldBe true
            drain.join()
            server.health shouldBe LiveHealth.Draining
        }
    }

    test("a reload of the application does not wait for load balancers") {
        runTest {
            val server = server { drain { delay = 10.seconds } }

            server.drainForReload()

            currentTime shouldBe 0
        }
    }

    test("the broker is sampled for observers, and its status and lag are part of the stats") {
        runTest {
            val observer = RecordingObserver()
            val broker = FakeBroker(BrokerStatus(outbox = 3, reconnects = 2, dropped = 1))
            broker.latency = 4.milliseconds
            val server =
                server {
                    broker(broker)
                    observe(observer)
                }

            advanceTimeBy(4_500)

            observer.brokerSamples.map { it.outbox }.toSet() shouldBe setOf(3)
            val samples = List(observer.brokerSamples.size) { "sampled lag 4ms" }
            observer.events() shouldContainExactly listOf("lag 4ms") + samples
            val stats = server.stats
            stats.broker?.run { listOf(outbox.toLong(), reconnects, dropped) } shouldBe listOf(3L, 2L, 1L)
            stats.lag shouldBe 4.milliseconds
        }
    }

    test("a server without a broker of the application measures no lag, and reports no broker") {
        runTest {
            val observer = RecordingObserver()
            val server = server { observe(observer) }

            advanceTimeBy(20.seconds)

            server.stats.broker.shouldBeNull()
            server.stats.lag.shouldBeNull()
            observer.brokerSamples shouldBe emptyList()
            observer.events() shouldBe emptyList()
        }
    }
})

@OptIn(ExperimentalCoroutinesApi::class)
private fun TestScope.server(configure: LiveConfig.() -> Unit = {}): LiveServer =
    LiveServer(LiveConfig().apply(configure).build(), backgroundScope.coroutineContext, testTimeSource) { currentTime }
        .also { runCurrent() }

/** A broker with what the interface requires only. */
private open class MinimalBroker : Broker {
    override suspend fun run(sink: BrokerSink) = awaitCancellation()

    override suspend fun publish(publication: Publication): Position? = null

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? = null

    override suspend fun unsubscribe(topic: String) = Unit

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        error("not used in this test")
}
