package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.broker.HistoryBounds
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.FaultyBroker
import dev.live.server.support.text
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.random.Random
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Model test of topics with a broker that reorders, repeats and loses publications, loses histories, and is unavailable
 * for a time. The reference is the list of all publications of each epoch. A client receives exactly these, in order
 * and without a hole, or a gap is reported to it.
 */
class FaultyBrokerTest : FunSpec({

    for (seed in 1..4) {
        test("clients receive the publications in order or a reported gap, in 25,000 steps with seed $seed") {
            runTest(timeout = 10.minutes) {
                val model = FaultyBrokerModel(this, Random(seed))

                repeat(25_000) { model.step() }
                model.settle()

                model.seen shouldContainAll
                    listOf("recovered", "not recovered", "gap", "same epoch gap", "repaired", "continued")
                model.received shouldBeGreaterThan 10_000
            }
        }
    }
})

@OptIn(ExperimentalCoroutinesApi::class)
private class FaultyBrokerModel(private val test: TestScope, private val random: Random) {
    private val broker = FaultyBroker(random)
    private val registry =
        TopicRegistry(
            TopicRuntime(test.backgroundScope, DialectTable(listOf(FakeCodec())), buffer = 64, broker = broker) {
                test.currentTime
            },
            linger = 1.seconds,
            { TopicPolicy(history = HistoryBounds(size = 100, age = 1.hours, bytes = 1_000_000)) },
        )
    private val names = List(3) { "topic$it" }

    /** The payload at each position. */
    private val reference = HashMap<Position, String>()
    private val clients = names.flatMap { name -> List(3) { Client(name) } }
    private var count = 0

    /** Situations that occurred at least once. */
    val seen = HashSet<String>()
    var received = 0
        private set

    init {
        test.backgroundScope.launch(start = CoroutineStart.UNDISPATCHED) { broker.run(registry) }
    }

    suspend fun step() {
        when (random.nextInt(1_000)) {
            in 0..299 -> publish(names.random(random))
            in 300..779 -> broker.deliver()
            in 780..819 -> broker.duplicate()
            in 820..827 -> broker.lose()
            in 828..889 -> clients.random(random).connectOrCatchUp()
            in 890..904 -> clients.random(random).leave()
            in 905..906 -> broker.interrupt()
            907 -> broker.isUnavailable = true
            in 908..927 -> broker.isUnavailable = false
            928 -> broker.failOver(names.random(random))
            929 -> repeat(300) { publish(names[0]) } // more than a topic holds behind a hole
            930 -> restart(names.random(random))
            in 931..944 -> registry.sweep()
            else -> test.advanceTimeBy(random.nextLong(80).milliseconds)
        }
        for (client in clients) client.check()
    }

    /** Ends all faults; every subscribed client then has everything. */
    suspend fun settle() {
        broker.isUnavailable = false
        while (broker.size > 0) broker.deliver()
        broker.interrupt()
        test.advanceTimeBy(2.minutes)
        test.runCurrent()
        for (client in clients) {
            client.check()
            if (client.isSubscribed) client.position shouldBe broker.position(client.topic)
        }
    }

    private suspend fun restart(topic: String) {
        for ((before, after) in broker.restart(topic)) reference[after] = reference.getValue(before)
        broker.interrupt() // a restart closes the connections
    }

    private suspend fun publish(topic: String) {
        val text = "${count++}"
        reference[registry.publish(topic, Body.bytes(text.encodeToByteArray()))!!] = text
    }

    private inner class Client(val topic: String) : Subscriber("client") {
        private var hub: ActiveTopic? = null
        private var behind: SubscribeResult.CatchUp? = null
        private val inbox = ArrayList<Message>()

        var isSubscribed = false
            private set
        var position: Position? = null
            private set

        suspend fun connectOrCatchUp() {
            if (isSubscribed || (hub == null && broker.isUnavailable)) return
            val catchUp = behind
            if (catchUp != null) {
                if (!broker.isUnavailable) {
                    subscribed(
                        hub!!.subscribe(this, ack = null, catchUp.position, random.nextInt(8)),
                    )
                }
                return
            }
            val hub = registry.retain(topic).also { hub = it }
            subscribed(hub.subscribe(this, ack, position, random.nextInt(8)))
        }

        private suspend fun subscribed(result: SubscribeResult) {
            check()
            behind = result as? SubscribeResult.CatchUp
            when (result) {
                SubscribeResult.Subscribed -> isSubscribed = true
                SubscribeResult.HistoryEvicted -> leave() // the session is closed, and the client connects again
                is SubscribeResult.CatchUp -> {
                    listOfNotNull(result.ack?.message).plus(result.messages).forEach(::receive)
                    position shouldBe result.position
                }
            }
        }

        suspend fun leave() {
            val hub = hub ?: return
            hub.unsubscribe(this)
            test.runCurrent()
            check()
            registry.release(topic)
            this.hub = null
            behind = null
            isSubscribed = false
        }

        /** Checks the received messages. Not done in [offer], where a failure would only be logged. */
        fun check() {
            inbox.forEach(::receive)
            inbox.clear()
        }

        private fun receive(message: Message) {
            when (message.type) {
                MessageType.ACK -> {
                    val data = message.decode<SubscribedData>()
                    seen += if (data.recovered) "recovered" else "not recovered"
                    position = Position(data.epoch, if (data.recovered) position!!.offset else data.offset)
                }
                MessageType.SUBSCRIBE -> {
                    val data = message.decode<SubscribedData>()
                    if (data.recovered) {
                        seen += "continued"
                        data.offset shouldBe position!!.offset
                        (data.epoch == position!!.epoch) shouldBe false
                    } else {
                        seen += if (data.epoch == position?.epoch) "same epoch gap" else "gap"
                    }
                    position = Position(data.epoch, data.offset)
                }
                else -> {
                    val next = Position(position!!.epoch, position!!.offset + 1)
                    withClue("the message after $position") {
                        message.offset shouldBe next.offset
                        message.text() shouldBe reference[next]
                    }
                    position = next
                    received++
                    if (isSubscribed) seen += "repaired"
                }
            }
        }

        override fun offer(message: PreparedMessage): Boolean = inbox.add(message.message)

        override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)
    }
}
