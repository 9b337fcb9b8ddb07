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

/** Subscriptions to topics that keep a history. */
class RecoveryTest : FunSpec({

    test("after a reconnect the client asks for what came after the last it has, and says that it has all of it") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeJoined Recovery.First
            server.says(hello, offset = 5)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 5

            server.recovers = true
            reconnect()

            server.asked.last() shouldBe Position("e", 5)
            updates.awaitItem() shouldBeJoined Recovery.Recovered
            server.says(hello, offset = 6)
            updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<Chat>>().offset shouldBe 6
            updates.cancel()
        }
    }

    test("where the history does not reach back, or there is none, it says that there is a gap") {
        clientTest {
            val server = HistoryServer(this)
            val updates = collect(room().updates)
            updates.awaitItem() shouldBeJoined Recovery.First

            reconnect()
            updates.awaitItem() shouldBeJoined Recovery.Gap
            server.epoch = null
            reconnect()
            updates.awaitItem() shouldBeJoined Recovery.Gap
            reconnect()
            updates.awaitItem() shouldBeJoined Recovery.Gap

            server.asked shouldContainExactly listOf(null, Position("e", 0), Position("e", 0), null)
            updates.cancel()
        }
    }

    test("in a new epoch it goes on from there") {
        clientTest {
            val server = HistoryServer(this)
            val messages = collect(room().messages)
            server.says(hello, offset = 50)
            messages.awaitItem() shouldBe hello

            server.epoch = "f"
            server.newest = 2
            reconnect()
            server.says(Chat("ann", "three"), offset = 3)
            messages.awaitItem().text shouldBe "three"
            reconnect()

            server.asked.last() shouldBe Position("f", 3)
            messages.cancel()
        }
    }

    test("what comes twice is delivered once") {
        clientTest {
            val server = HistoryServer(this)
            val messages = collect(room().messages)

            for (offset in listOf(1L, 2L, 2L, 1L, 3L)) server.says(Chat("ann", "$offset"), offset)

            List(3) { messages.awaitItem().text } shouldContainExactly listOf("1", "2", "3")
            messages.cancel()
        }
    }

    test("whoever collects after the last one left begins anew") {
        clientTest {
            val server = HistoryServer(this)
            val first = collect(room().messages)
            server.says(hello, offset = 5)
            first.awaitItem() shouldBe hello
            first.cancel()
            settle()

            val second = collect(room().updates)

            second.awaitItem() shouldBeJoined Recovery.First
            server.asked.last().shouldBeNull()
            second.cancel()
        }
    }

    test("a collector that falls behind is caught up from the history, and others miss nothing meanwhile") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            val quick = collect(room().messages)
            for (number in 1L..100) {
                server.says(Chat("ann", "$number"), number)
                if (number <= 66) quick.awaitItem().text shouldBe "$number"
                settle()
            }
            server.isJoined shouldBe false
            slow.goOn.complete(Unit)
            settle()

            server.isJoined shouldBe true
            server.asked.last() shouldBe Position("e", 65) // one in its hands and 64 behind
            for (number in 66L..100) server.says(Chat("ann", "$number"), number)
            for (number in 67..100) quick.awaitItem().text shouldBe "$number"
            slow.texts shouldContainExactly (1..100).map { "$it" }
            slow.error.shouldBeNull()
            quick.cancel()
            slow.job.cancel()
        }
    }

    test("a collector whose buffer is full when the connection breaks goes on where it was, without a gap") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            settle()
            for (number in 1L..65) server.says(Chat("ann", "$number"), number) // one in its hands and 64 behind

            reconnect()
            slow.goOn.complete(Unit)
            settle()

            slow.error.shouldBeNull()
            server.isJoined shouldBe true
            server.asked.last() shouldBe Position("e", 65)
            server.says(Chat("ann", "66"), 66)
            slow.texts shouldContainExactly (1..66).map { "$it" }
            slow.job.cancel()
        }
    }

    test("a gap is said to a collector that drops the oldest, whatever comes before it reads on") {
        clientTest {
            val server = HistoryServer(this)
            val slow = SlowUpdates(this, client.topic<Chat>("room", CollectorOverflow.DropOldest).updates)
            server.says(hello, offset = 1)
            settle()

            reconnect()
            for (number in 2L..200) server.says(Chat("ann", "$number"), number)
            slow.goOn.complete(Unit)
            settle()

            slow.recoveries.last() shouldBe Recovery.Gap
            slow.job.cancel()
        }
    }

    test("a gap that a full buffer has no room to say is said when there is room, whatever is recovered since") {
        clientTest {
            val server = HistoryServer(this)
            val slow = SlowUpdates(this, room().updates)
            for (number in 1L..65) server.says(Chat("ann", "$number"), number)

            reconnect() // what came meanwhile is lost
            server.recovers = true
            slow.goOn.complete(Unit)
            settle()

            slow.recoveries shouldContainExactly listOf(Recovery.First, Recovery.Gap)
            reconnect()
            slow.recoveries.last() shouldBe Recovery.Recovered
            slow.job.cancel()
        }
    }

    test("a collector may sleep through any number of reconnects") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val slow = scope.collectSlowly(room().messages)
            settle()
            server.says(hello, offset = 1)

            repeat(100) { reconnect() }
            slow.goOn.complete(Unit)
            settle()

            slow.error.shouldBeNull()
            server.says(hello, offset = 2)
            slow.texts.size shouldBe 2
            slow.job.cancel()
        }
    }

    test("whoever collects before the last one's unsubscribe is written goes on with what is known of the topic") {
        clientTest {
            val server = HistoryServer(this).apply { recovers = true }
            val first = scope.launch { room().messages.collect { } }
            settle()
            server.says(hello, offset = 5)
            val recoveries = ArrayList<Recovery>()
            first.cancel()
            val second =
                scope.launch {
                    room().updates.collect { if (it is TopicUpdate.Subscribed) recoveries += it.recovery }
                }
            settle()
            server.says(hello, offset = 6)

            reconnect()

            server.asked shouldContainExactly listOf(null, Position("e", 6))
            recoveries shouldContainExactly listOf(Recovery.First, Recovery.Recovered)
            second.cancel()
        }
    }
})

private infix fun TopicUpdate<*>.shouldBeJoined(recovery: Recovery) {
    shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe recovery
}

private fun ClientFixture.reconnect() {
    transport.wire.cut()
    pass(1.seconds)
}

/** A collector that takes one message and no more until [goOn]. */
private class SlowUpdates(test: ClientFixture, flow: Flow<TopicUpdate<Chat>>) {
    val goOn = CompletableDeferred<Unit>()
    val recoveries = mutableListOf<Recovery>()
    val job =
        test.scope.launch {
            flow.collect {
                if (it is TopicUpdate.Subscribed) recoveries += it.recovery else goOn.await()
            }
        }

    init {
        test.settle()
    }
}

/** The side of the server, as far as histories go: what it was asked for, and what it says. */
private class HistoryServer(private val test: ClientFixture) {
    var epoch: String? = "e"
    var newest = 0L
    var recovers = false
    var isJoined = false
    val asked = mutableListOf<Position?>()

    init {
        test.transport.onMessage = { message ->
            when (message.type) {
                MessageType.SUBSCRIBE -> true.also { subscribe(message) }
                MessageType.UNSUBSCRIBE -> false.also { isJoined = false }
                else -> false
            }
        }
    }

    fun says(chat: Chat, offset: Long) {
        newest = maxOf(newest, offset)
        val message = Message(MessageType.MESSAGE, "room", body = Body.of(chat), offset = offset)
        if (isJoined) test.transport.wire.push(message)
        test.settle()
    }

    private fun subscribe(message: Message) {
        asked += if (message.body == null) null else message.decode<SubscribeData>().since
        isJoined = true
        val data = epoch?.let { Body.of(SubscribedData(it, newest, recovers && asked.last() != null)) }
        test.transport.wire.push(Message(MessageType.ACK, message.topic, message.ref, data))
    }
}
