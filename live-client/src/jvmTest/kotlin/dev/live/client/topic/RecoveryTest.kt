package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

/** Subscriptions to topics with history. */
class RecoveryTest : FunSpec({

    test("after a reconnect the client requests the messages after its last one, and reports Recovered") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeSubscribed Recovery.First
            server.publishes(hello, offset = 5)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 5

            server.recovers = true
            reconnect()

            server.requestedPositions.last() shouldBe Position("e", 5)
            updates.awaitItem() shouldBeSubscribed Recovery.Recovered
            server.publishes(hello, offset = 6)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 6
            updates.cancel()
        }
    }

    test("if the history is too short or absent, the client reports Gap") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeSubscribed Recovery.First

            reconnect()
            updates.awaitItem() shouldBeSubscribed Recovery.Gap
            server.epoch = null
            reconnect()
            updates.awaitItem() shouldBeSubscribed Recovery.Gap
            reconnect()
            updates.awaitItem() shouldBeSubscribed Recovery.Gap

            server.requestedPositions shouldContainExactly listOf(null, Position("e", 0), Position("e", 0), null)
            updates.cancel()
        }
    }

    test("a gap that the server reports is passed on, and the client continues from its position") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeSubscribed Recovery.First
            server.publishes(hello, offset = 5)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 5

            server.reportsGap(epoch = "f", offset = 2)

            updates.awaitItem() shouldBeSubscribed Recovery.Gap
            server.publishes(hello, offset = 2)
            server.publishes(hello, offset = 3)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 3
            reconnect()
            server.requestedPositions.last() shouldBe Position("f", 3)
            updates.awaitItem() shouldBeSubscribed Recovery.Gap
            updates.cancel()
        }
    }

    test("a new epoch that the server reports as recovered continues the old offsets, without a gap") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeSubscribed Recovery.First
            server.publishes(hello, offset = 5)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 5

            server.continuesIn(epoch = "f")

            updates.awaitItem() shouldBeSubscribed Recovery.Recovered
            server.publishes(hello, offset = 5)
            server.publishes(hello, offset = 6)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 6
            server.recovers = true
            reconnect()
            server.requestedPositions.last() shouldBe Position("f", 6)
            updates.awaitItem() shouldBeSubscribed Recovery.Recovered
            updates.cancel()
        }
    }

    test("an ack that recovers in a new epoch continues the old offsets") {
        clientTest {
            val server = HistoryServer(this)
            val messages = collect(room().messages)
            server.publishes(hello, offset = 5)
            messages.awaitItem() shouldBe hello

            server.epoch = "f"
            server.newest = 6
            server.recovers = true
            reconnect()
            server.publishes(Chat("ann", "six"), offset = 6)
            messages.awaitItem().text shouldBe "six"
            reconnect()

            server.requestedPositions shouldContainExactly listOf(null, Position("e", 5), Position("f", 6))
            messages.cancel()
        }
    }

    test("in a new epoch the client continues from the new position") {
        clientTest {
            val server = HistoryServer(this)
            val messages = collect(room().messages)
            server.publishes(hello, offset = 50)
            messages.awaitItem() shouldBe hello

            server.epoch = "f"
            server.newest = 2
            reconnect()
            server.publishes(Chat("ann", "three"), offset = 3)
            messages.awaitItem().text shouldBe "three"
            reconnect()

            server.requestedPositions.last() shouldBe Position("f", 3)
            messages.cancel()
        }
    }

    test("duplicates are delivered once") {
        clientTest {
            val server = HistoryServer(this)
            val messages = collect(room().messages)

            for (offset in listOf(1L, 2L, 2L, 1L, 3L)) server.publishes(Chat("ann", "$offset"), offset)

            List(3) { messages.awaitItem().text } shouldContainExactly listOf("1", "2", "3")
            messages.cancel()
        }
    }

    test("a collector after the unsubscribe starts a new subscription") {
        clientTest {
            val server = HistoryServer(this)
            val first = collect(room().messages)
            server.publishes(hello, offset = 5)
            first.awaitItem() shouldBe hello
            first.cancel()
            settle()

            val second = collect(room().updates)

            second.awaitItem() shouldBeSubscribed Recovery.First
            server.requestedPositions.last().shouldBeNull()
            second.cancel()
        }
    }

    test("a slow collector recovers from the history, and other collectors miss nothing") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            val quick = collect(room().messages)
            for (number in 1L..100) {
                server.publishes(Chat("ann", "$number"), number)
                if (number <= 66) quick.awaitItem().text shouldBe "$number"
                settle()
            }
            server.isSubscribed shouldBe false
            slow.resume.complete(Unit)
            settle()

            server.isSubscribed shouldBe true
            server.requestedPositions.last() shouldBe Position("e", 65) // one being processed and 64 buffered
            for (number in 66L..100) server.publishes(Chat("ann", "$number"), number)
            for (number in 67..100) quick.awaitItem().text shouldBe "$number"
            slow.texts shouldContainExactly (1..100).map { "$it" }
            slow.error.shouldBeNull()
            quick.cancel()
            slow.job.cancel()
        }
    }

    test("a collector with a full buffer at a connection loss continues without a gap") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            settle()
            for (number in 1L..65) server.publishes(Chat("ann", "$number"), number) // one processed, 64 buffered

            reconnect()
            slow.resume.complete(Unit)
            settle()

            slow.error.shouldBeNull()
            server.isSubscribed shouldBe true
            server.requestedPositions.last() shouldBe Position("e", 65)
            server.publishes(Chat("ann", "66"), 66)
            slow.texts shouldContainExactly (1..66).map { "$it" }
            slow.job.cancel()
        }
    }

    test("a collector with DropOldest receives Gap even if later messages overflow its buffer") {
        clientTest {
            val server = HistoryServer(this)
            val slow = SlowUpdates(this, client.topic<Chat>("room", CollectorOverflow.DropOldest).updates)
            server.publishes(hello, offset = 1)
            settle()

            reconnect()
            for (number in 2L..200) server.publishes(Chat("ann", "$number"), number)
            slow.resume.complete(Unit)
            settle()

            slow.recoveries.last() shouldBe Recovery.Gap
            slow.job.cancel()
        }
    }

    test("a Gap that does not fit into a full buffer is delivered when there is space") {
        clientTest {
            val server = HistoryServer(this)
            val slow = SlowUpdates(this, room().updates)
            for (number in 1L..65) server.publishes(Chat("ann", "$number"), number)

            reconnect() // messages in between are lost
            server.recovers = true
            slow.resume.complete(Unit)
            settle()

            slow.recoveries shouldContainExactly listOf(Recovery.First, Recovery.Gap)
            reconnect()
            slow.recoveries.last() shouldBe Recovery.Recovered
            slow.job.cancel()
        }
    }

    test("a suspended collector survives any number of reconnects") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            settle()
            server.publishes(hello, offset = 1)

            repeat(100) { reconnect() }
            slow.resume.complete(Unit)
            settle()

            slow.error.shouldBeNull()
            server.publishes(hello, offset = 2)
            slow.texts.size shouldBe 2
            slow.job.cancel()
        }
    }

    test("a collector that starts before the unsubscribe is sent keeps the position of the topic") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val first = scope.launch { room().messages.collect { } }
            settle()
            server.publishes(hello, offset = 5)
            val recoveries = ArrayList<Recovery>()
            first.cancel()
            val second =
                scope.launch {
                    room().updates.collect { if (it is TopicUpdate.Subscribed) recoveries += it.recovery }
                }
            settle()
            server.publishes(hello, offset = 6)

            reconnect()

            server.requestedPositions shouldContainExactly listOf(null, Position("e", 6))
            recoveries shouldContainExactly listOf(Recovery.First, Recovery.Recovered)
            second.cancel()
        }
    }
})

private infix fun TopicUpdate<*>.shouldBeSubscribed(recovery: Recovery) {
    shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe recovery
}

private fun ClientFixture.reconnect() {
    transport.wire.cut()
    pass(1.seconds)
}

/** A collector that processes one message and then waits for [resume]. */
private class SlowUpdates(test: ClientFixture, flow: Flow<TopicUpdate<Chat>>) {
    val resume = CompletableDeferred<Unit>()
    val recoveries = mutableListOf<Recovery>()
    val job =
        test.scope.launch {
            flow.collect {
                if (it is TopicUpdate.Subscribed) recoveries += it.recovery else resume.await()
            }
        }

    init {
        test.settle()
    }
}

/** A fake server with history. It records the requested positions. */
private class HistoryServer(private val test: ClientFixture) {
    var epoch: String? = "e"
    var newest = 0L
    var recovers = false
    var isSubscribed = false
    val requestedPositions = mutableListOf<Position?>()

    init {
        test.transport.onMessage = { message ->
            when (message.type) {
                MessageType.SUBSCRIBE -> true.also { subscribe(message) }
                MessageType.UNSUBSCRIBE -> false.also { isSubscribed = false }
                else -> false
            }
        }
    }

    fun publishes(chat: Chat, offset: Long) {
        newest = maxOf(newest, offset)
        val message = Message(MessageType.MESSAGE, "room", body = Body.of(chat), offset = offset)
        if (isSubscribed) test.transport.wire.push(message)
        test.settle()
    }

    fun reportsGap(epoch: String, offset: Long) {
        newest = offset
        subscribes(epoch, isRecovered = false)
    }

    /** The topic continues in [epoch], which contains all messages so far. */
    fun continuesIn(epoch: String): Unit = subscribes(epoch, isRecovered = true)

    private fun subscribes(epoch: String, isRecovered: Boolean) {
        this.epoch = epoch
        val data = Body.of(SubscribedData(epoch, newest, isRecovered))
        test.transport.wire.push(Message(MessageType.SUBSCRIBE, "room", body = data))
        test.settle()
    }

    private fun subscribe(message: Message) {
        requestedPositions += if (message.body == null) null else message.decode<SubscribeData>().since
        isSubscribed = true
        val data = epoch?.let { Body.of(SubscribedData(it, newest, recovers && requestedPositions.last() != null)) }
        test.transport.wire.push(Message(MessageType.ACK, message.topic, message.ref, data))
    }
}
