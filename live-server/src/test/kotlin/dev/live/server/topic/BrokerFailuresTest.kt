package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.StoredPublication
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.support.FakeCodec
import dev.live.server.support.RecordingObserver
import dev.live.server.support.text
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** A topic whose broker fails, is slow, or reports a gap, step by step. */
@OptIn(ExperimentalCoroutinesApi::class)
class BrokerFailuresTest : FunSpec({

    test("an invalid publication takes no position") {
        shouldThrow<IllegalArgumentException> { Publication("t", body = null, trace = "x".repeat(65)) }
    }

    test("a hole is filled from the history, also if a read fails or exceeds the broker's own timeout") {
        runTest {
            val scene = Scene(this)
            scene.broker.failures += { withTimeout(1.seconds) { awaitCancellation() } }
            scene.broker.failures += { error("not connected") }
            scene.subscribe()
            scene.stores(3)

            scene.arrives(3)
            advanceTimeBy(1.minutes)

            scene.texts shouldContainExactly listOf("1", "2", "3")
            scene.events("recovered") shouldContainExactly listOf("recovered 2 of t for Broker")
            scene.events("gap").shouldBeEmpty()
        }
    }

    test("an interruption without missing publications is neither a recovery nor a gap") {
        runTest {
            val scene = Scene(this)
            scene.subscribe()
            scene.stores(2)
            for (offset in 1..2L) scene.arrives(offset)

            scene.registry.interrupted()
            advanceTimeBy(1.minutes)

            scene.broker.reads shouldBe 1
            scene.events("recovered").shouldBeEmpty()
            scene.events("gap").shouldBeEmpty()
        }
    }

    test("topics with an unreadable history do not delay the repair of another topic") {
        runTest {
            val scene = Scene(this)
            val broken = List(20) { "broken$it" }
            scene.broker.unreadable += broken
            for (topic in broken) scene.subscribe(topic)
            scene.subscribe()
            scene.stores(1)

            for (topic in broken + "t") {
                scene.registry.interrupted(topic)
                runCurrent()
            }

            scene.texts shouldContainExactly listOf("1")
        }
    }

    test("a late publication of an earlier epoch causes one read of the history") {
        runTest {
            val scene = Scene(this)
            scene.subscribe()
            scene.stores(1)
            scene.arrives(1)

            scene.registry.deliver(Publication("t", Body.json("0")), Position("earlier", 7))
            advanceTimeBy(1.minutes)

            scene.broker.reads shouldBe 1
            scene.texts shouldContainExactly listOf("1")
        }
    }

    test("concurrent uses of a topic subscribe to it once at the broker") {
        runTest {
            val scene = Scene(this)
            scene.broker.subscribing = CompletableDeferred()
            val cancelled = launch { scene.registry.retain("t") }
            val others = List(3) { launch { scene.registry.retain("t") } }
            runCurrent()

            cancelled.cancel()
            scene.broker.subscribing!!.complete(Unit)
            runCurrent()
            scene.registry.retain("t")

            others.all { it.isCompleted } shouldBe true
            scene.broker.calls shouldContainExactly listOf("subscribe")
        }
    }

    test("a topic that is used again waits for the end of its earlier subscriptions") {
        runTest {
            val scene = Scene(this)
            scene.registry.retain("t")
            scene.registry.release("t")
            scene.broker.unsubscribing = CompletableDeferred()
            delay(2.seconds)
            scene.registry.sweep()

            val retained = launch { scene.registry.retain("t") }
            runCurrent()
            retained.isCompleted shouldBe false
            scene.broker.unsubscribing!!.complete(Unit)
            runCurrent()

            retained.isCompleted shouldBe true
            scene.broker.calls shouldContainExactly listOf("subscribe", "unsubscribe", "subscribe")
        }
    }

    test("after a gap of a throttled topic, a new subscriber continues from the position of the gap") {
        runTest {
            val scene = Scene(this, DeliverySettings(throttle = 10.seconds))
            scene.subscribe()
            scene.stores(50)
            for (offset in 1..50L) scene.arrives(offset)
            scene.broker.failOver("second", 10)

            scene.registry.interrupted()
            runCurrent()
            scene.stores(1)
            scene.arrives(11) // within the interval: held back
            val late = scene.subscribe()

            scene.gaps shouldContainExactly listOf(Position("second", 10))
            scene.events("gap") shouldContainExactly listOf("gap of t to 1 for Broker")
            late.first().decode<SubscribedData>().run { Position(epoch, offset) } shouldBe Position("second", 10)
            advanceTimeBy(11.seconds)
            late.last().offset shouldBe 11
        }
    }
})

private class ScriptedBroker : Broker {
    var epoch = "first"
    private var last = 0L
    val entries = ArrayList<StoredPublication>()
    val failures = ArrayDeque<suspend () -> Nothing>()
    val calls = ArrayList<String>()
    val unreadable = HashSet<String>()
    var reads = 0
    var subscribing: CompletableDeferred<Unit>? = null
    var unsubscribing: CompletableDeferred<Unit>? = null

    fun store(text: String) {
        entries += StoredPublication(Publication("t", Body.bytes(text.encodeToByteArray())), Position(epoch, ++last))
    }

    fun failOver(epoch: String, last: Long) {
        this.epoch = epoch
        this.last = last
        entries.clear()
    }

    override suspend fun run(sink: BrokerSink): Unit = awaitCancellation()

    override suspend fun publish(publication: Publication): Position? = null

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position {
        calls += "subscribe"
        subscribing?.await()
        return Position(epoch, last)
    }

    override suspend fun unsubscribe(topic: String) {
        calls += "unsubscribe"
        unsubscribing?.await()
    }

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory {
        reads++
        failures.removeFirstOrNull()?.invoke()
        if (topic in unreadable) error("not connected")
        val isComplete = since?.epoch == epoch
        val found = entries.filter { !isComplete || it.position.offset > since.offset }
        return StoredHistory(Position(epoch, last), found, isComplete)
    }
}

@OptIn(ExperimentalCoroutinesApi::class)
private class Scene(private val test: TestScope, delivery: DeliverySettings? = null) {
    val broker = ScriptedBroker()
    private val observer = RecordingObserver()
    val registry =
        TopicRegistry(
            TopicRuntime(
                test.backgroundScope,
                DialectTable(listOf(FakeCodec())),
                buffer = 64,
                counters = ServerCounters(observer),
                broker = broker,
            ) {
                test.currentTime
            },
            linger = 1.seconds,
            { TopicPolicy(HistoryBounds(size = 1_000, age = 1.hours, bytes = 1_000_000), delivery = delivery) },
        )
    private val received = ArrayList<Message>()
    private var count = 0

    val texts: List<String>
        get() = received.filter { it.type == MessageType.MESSAGE }.map { it.text() }

    val gaps: List<Position>
        get() =
            received.filter { it.type == MessageType.SUBSCRIBE }
                .map { message -> message.decode<SubscribedData>().run { Position(epoch, offset) } }

    /** The observed events that begin with [kind]. */
    fun events(kind: String): List<String> = observer.events().filter { it.startsWith(kind) }

    /** Subscribes, and returns the messages that this subscriber receives. */
    suspend fun subscribe(topic: String = "t"): List<Message> {
        val own = ArrayList<Message>()
        registry.retain(topic).subscribe(
            object : Subscriber("s") {
                override fun offer(message: PreparedMessage): Boolean =
                    received.add(message.message) && own.add(message.message)

                override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)
            },
            ack,
        )
        return own
    }

    fun stores(number: Int) = repeat(number) { broker.store("${++count}") }

    /** The broker delivers the publication at [offset]. */
    suspend fun arrives(offset: Long) {
        val stored = broker.entries.first { it.position.offset == offset }
        registry.deliver(stored.publication, stored.position)
        test.runCurrent()
    }
}
