package dev.live.test.contract

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.BrokerState
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import io.kotest.core.factory.TestFactory
import io.kotest.core.spec.style.funSpec
import io.kotest.core.spec.style.scopes.FunSpecRootScope
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes

/**
 * The tests that every [Broker] must pass, in one file because they are one contract, to include in a kotest spec:
 *
 * ```
 * class OwnBrokerTest : FunSpec({
 *     include(brokerContract { OwnBroker(url) })
 * })
 * ```
 *
 * Deliveries of topics with a history may be reordered, repeated and lost, as [Broker] allows; the contract does not
 * rely on them.
 *
 * @param newBroker creates a broker for one test. It must not share topics with those of other tests
 */
public fun brokerContract(newBroker: () -> Broker): TestFactory =
    funSpec {
        delivery(newBroker)
        positions(newBroker)
        histories(newBroker)
        status(newBroker)
    }

private fun FunSpecRootScope.delivery(newBroker: () -> Broker) {
    test("a subscribed topic receives publications with all their properties") {
        withBroker(newBroker) { broker ->
            broker.subscribe("a", history = null).shouldBeNull()
            val publication =
                Publication(
                    "a",
                    Body.json("""{"x":1}"""),
                    type = "custom",
                    except = "session",
                    key = "k",
                    trace = "00-trace",
                )

            broker.publish(publication).shouldBeNull()

            val (received, position) = next()
            received.topic shouldBe "a"
            received.body shouldBe publication.body
            received.type shouldBe "custom"
            received.except shouldBe "session"
            received.key shouldBe "k"
            received.trace shouldBe "00-trace"
            position.shouldBeNull()
        }
    }

    test("payloads of bytes, of JSON and without a body arrive unchanged") {
        withBroker(newBroker) { broker ->
            broker.subscribe("t", history = null)
            val bodies = listOf(Body.bytes(ByteArray(256) { it.toByte() }), Body.json("[1.0,\"\\u0000é\"]"), null)

            for (body in bodies) broker.publish(Publication("t", body))

            List(bodies.size) { next().publication.body } shouldContainExactlyInAnyOrder bodies
        }
    }

    test("after unsubscribe and another subscribe a topic receives publications again") {
        withBroker(newBroker) { broker ->
            broker.subscribe("t", history = null)
            broker.unsubscribe("t")
            broker.subscribe("t", history = null)

            broker.publish(Publication("t", text("again")))

            next().publication.body shouldBe text("again")
        }
    }

    test("publications with the empty topic name are delivered like others") {
        withBroker(newBroker) { broker ->
            broker.subscribe("", history = null)

            broker.publish(Publication("", text("operation")))

            next().publication.body shouldBe text("operation")
        }
    }

    test("a cancelled run ends") {
        coroutineScope {
            val running = launch(start = CoroutineStart.UNDISPATCHED) { newBroker().run(RecordingSink()) }

            running.cancelAndJoin()
        }
    }
}

private fun FunSpecRootScope.positions(newBroker: () -> Broker) {
    test("offsets start at 1 and increase by one, in one epoch") {
        withBroker(newBroker) { broker ->
            val start = broker.subscribe("t", BOUNDS).shouldNotBeNull()

            val positions = List(20) { broker.publish(stored("t", "$it")).shouldNotBeNull() }

            start.offset shouldBe 0
            positions.map { it.offset } shouldContainExactly (1L..20L).toList()
            positions.map { it.epoch }.toSet() shouldBe setOf(start.epoch)
        }
    }

    test("concurrent publishes receive different positions without a hole, and are stored at them") {
        withBroker(newBroker) { broker ->
            val start = broker.subscribe("t", BOUNDS).shouldNotBeNull()

            val positions =
                withContext(Dispatchers.Default) {
                    List(8) { publisher ->
                        async {
                            List(25) {
                                broker.publish(stored("t", "$publisher:$it")).shouldNotBeNull() to
                                    "$publisher:$it"
                            }
                        }
                    }.awaitAll().flatten()
                }

            positions.map { it.first.offset }.sorted() shouldContainExactly (1L..200L).toList()
            val entries = broker.history("t", start, BOUNDS).entries
            entries.map { it.position to it.publication.body } shouldContainExactly
                positions.sortedBy { it.first.offset }.map { (position, text) -> position to text(text) }
            // each publisher's own publications are in its order
            val ofFirst = positions.filter { it.second.startsWith("0:") }.map { it.first.offset }
            ofFirst shouldContainExactly ofFirst.sorted()
        }
    }

    test("topics have epochs of their own") {
        withBroker(newBroker) { broker ->
            val a = broker.publish(stored("a", "x")).shouldNotBeNull()
            val b = broker.publish(stored("b", "x")).shouldNotBeNull()

            (a.epoch == b.epoch) shouldBe false
        }
    }

    test("subscribe returns the position of the newest publication") {
        withBroker(newBroker) { broker ->
            val last = List(3) { broker.publish(stored("t", "$it")) }.last()

            broker.subscribe("t", BOUNDS) shouldBe last
        }
    }
}

private fun FunSpecRootScope.histories(newBroker: () -> Broker) {
    test("history returns the publications after a position, in order and with their keys and types") {
        withBroker(newBroker) { broker ->
            val positions =
                List(5) {
                    val publication = Publication("t", text("$it"), type = "type$it", key = "key$it", history = BOUNDS)
                    broker.publish(publication).shouldNotBeNull()
                }

            val read = broker.history("t", positions[1], BOUNDS)

            read.position shouldBe positions.last()
            read.isComplete shouldBe true
            read.entries.map { it.position } shouldContainExactly positions.drop(2)
            read.texts() shouldContainExactly listOf("2", "3", "4")
            read.entries.map { it.publication.key } shouldContainExactly listOf("key2", "key3", "key4")
            read.entries.map { it.publication.type } shouldContainExactly listOf("type2", "type3", "type4")
            broker.history("t", positions.last(), BOUNDS).entries.shouldBeEmpty()
            broker.history("t", since = null, BOUNDS).texts() shouldContainExactly List(5) { "$it" }
            read.continues.shouldBeNull()
        }
    }

    test("history without publications has offset 0, and keeps its epoch") {
        withBroker(newBroker) { broker ->
            val empty = broker.history("t", since = null, BOUNDS)
            val first = broker.publish(stored("t", "x")).shouldNotBeNull()

            empty.entries.shouldBeEmpty()
            empty.isComplete shouldBe true
            empty.position shouldBe Position(first.epoch, 0)
            broker.history("t", empty.position, BOUNDS).texts() shouldContainExactly listOf("x")
        }
    }

    test("history is incomplete after an eviction, and never has a hole") {
        withBroker(newBroker) { broker ->
            val bounds = HistoryBounds(size = 5, age = 1.hours, bytes = 1_000_000)
            val positions =
                List(2_000) { broker.publish(Publication("t", text("$it"), history = bounds)).shouldNotBeNull() }

            val evicted = broker.history("t", positions.first(), bounds)
            val kept = broker.history("t", positions[1_996], bounds)

            evicted.isComplete shouldBe false
            evicted.position shouldBe positions.last()
            evicted.entries.zipWithNext { a, b -> b.position.offset - a.position.offset }.toSet() shouldBe setOf(1L)
            kept.isComplete shouldBe true
            kept.texts() shouldContainExactly listOf("1997", "1998", "1999")
        }
    }

    test(
        "a position of an unknown epoch is incomplete and not continued, and one beyond the newest is never recovered",
    ) {
        withBroker(newBroker) { broker ->
            val last = broker.publish(stored("t", "x")).shouldNotBeNull()

            val another = broker.history("t", Position("another", 0), BOUNDS)
            another.isComplete shouldBe false
            another.continues.shouldBeNull()
            val beyond =
                try {
                    broker.history("t", Position(last.epoch, 2), BOUNDS).isComplete
                } catch (_: BadPayloadException) {
                    false
                }
            beyond shouldBe false
        }
    }

    test("a topic without a history stores nothing") {
        withBroker(newBroker) { broker ->
            broker.publish(Publication("t", text("not stored"))).shouldBeNull()

            broker.history("t", since = null, BOUNDS).entries.shouldBeEmpty()
        }
    }
}

private fun FunSpecRootScope.status(newBroker: () -> Broker) {
    test("the status can be read before run, and has no losses or unconfirmed publications then") {
        newBroker().status.run { listOf(outbox.toLong(), reconnects, dropped) } shouldBe listOf(0L, 0L, 0L)
    }

    test("a broker that has delivered a publication is connected, and its outbox is empty") {
        withBroker(newBroker) { broker ->
            broker.subscribe("t", BOUNDS)
            broker.publish(stored("t", "x"))
            next()

            val status = broker.status

            status.state shouldBe BrokerState.Connected
            status.away shouldBe Duration.ZERO
            status.outbox shouldBe 0
            status.reconnects shouldBe 0
        }
    }
}

private val BOUNDS = HistoryBounds(size = 1_000, age = 1.hours, bytes = 1_000_000)

private val TIMEOUT = 1.minutes

private fun text(text: String): Body = Body.bytes(text.encodeToByteArray())

private fun stored(topic: String, text: String) = Publication(topic, text(text), history = BOUNDS)

private fun StoredHistory.texts() = entries.map { (it.publication.body as Body.Bytes).toByteArray().decodeToString() }

private data class Delivery(val publication: Publication, val position: Position?)

private class RecordingSink : BrokerSink {
    /** Bounded by the number of publications of a test. */
    private val deliveries = Channel<Delivery>(capacity = 10_000)

    override suspend fun deliver(publication: Publication, position: Position?): Unit =
        deliveries.send(Delivery(publication, position))

    override suspend fun interrupted(topic: String?) = Unit

    suspend fun next(): Delivery = withTimeout(TIMEOUT) { deliveries.receive() }
}

private suspend fun withBroker(newBroker: () -> Broker, test: suspend RecordingSink.(Broker) -> Unit) =
    coroutineScope {
        val broker = newBroker()
        val sink = RecordingSink()
        val running = launch(start = CoroutineStart.UNDISPATCHED) { broker.run(sink) }
        sink.test(broker)
        running.cancelAndJoin()
    }
