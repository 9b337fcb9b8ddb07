package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.topic.TopicRegistry
import dev.live.server.topic.TopicRuntime
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.seconds

/** Operations between two nodes that share a broker. */
@OptIn(ExperimentalCoroutinesApi::class)
class ControlPublicationsTest : FunSpec({

    test("a message to a user and to all sessions reaches the other node, unchanged") {
        runTest {
            val broker = SharedBroker()
            val a = Node(backgroundScope, broker)
            val b = Node(backgroundScope, broker)
            runCurrent()
            val message = Message("notice", "room", ref = "7", body = Body.json("[1.0,{}]"))

            a.control.send("ann", message)
            b.control.send(user = null, message)

            b.sent shouldContainExactly listOf("ann" to message)
            a.sent shouldContainExactly listOf(null to message)
        }
    }

    test("a kick reaches the other node with its reason") {
        runTest {
            val broker = SharedBroker()
            val a = Node(backgroundScope, broker)
            val b = Node(backgroundScope, broker)
            runCurrent()

            a.control.kick("ann", "account closed")

            b.kicked shouldContainExactly listOf("ann" to "account closed")
            a.kicked.shouldBeEmpty()
        }
    }

    test("a message to a session reaches the node of the session") {
        runTest {
            val broker = SharedBroker()
            val a = Node(backgroundScope, broker)
            val b = Node(backgroundScope, broker)
            runCurrent()

            a.control.sendToSession("id", Message("notice"))

            b.sentToSessions shouldContainExactly listOf("id" to Message("notice"))
            a.sentToSessions.shouldBeEmpty()
        }
    }

    test("a node subscribes again after a failure of the broker") {
        runTest {
            val broker = SharedBroker().apply { isFailing = true }
            val a = Node(backgroundScope, broker)
            runCurrent()
            broker.isFailing = false
            testScheduler.advanceTimeBy(6.seconds)

            a.isSubscribed shouldBe true
        }
    }

    test("a test publication is executed by the node that sent it, and by no other") {
        runTest {
            val broker = SharedBroker()
            val a = Node(backgroundScope, broker)
            val b = Node(backgroundScope, broker)
            runCurrent()

            a.control.probe(7)
            b.control.probe(8)

            a.probed shouldContainExactly listOf(7L)
            b.probed shouldContainExactly listOf(8L)
        }
    }

    test("invalid operations are ignored") {
        runTest {
            val broker = SharedBroker()
            val a = Node(backgroundScope, broker)
            runCurrent()

            for (body in listOf(null, Body.json("1"), Body.bytes(byteArrayOf(1, 2)))) {
                for (type in listOf("send", "session", "kick", "probe", "new")) {
                    broker.publish(Publication("", body, type))
                }
            }

            a.sent.shouldBeEmpty()
            a.kicked.shouldBeEmpty()
            a.probed.shouldBeEmpty()
        }
    }
})

/** Delivers each publication to all nodes at once. */
private class SharedBroker : Broker {
    private val sinks = ArrayList<BrokerSink>()
    var isFailing = false

    override suspend fun run(sink: BrokerSink) {
        sinks += sink
        awaitCancellation()
    }

    override suspend fun publish(publication: Publication): Position? {
        for (sink in sinks) sink.deliver(publication, position = null)
        return null
    }

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? {
        check(!isFailing) { "not connected" }
        return null
    }

    override suspend fun unsubscribe(topic: String) = Unit

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        error("not used in this test")
}

@OptIn(ExperimentalCoroutinesApi::class)
private class Node(scope: CoroutineScope, broker: Broker) : SessionOperations {
    val sent = ArrayList<Pair<String?, Message>>()
    val sentToSessions = ArrayList<Pair<String, Message>>()
    val kicked = ArrayList<Pair<String, String>>()
    val probed = ArrayList<Long>()
    var isSubscribed = false
    private val topics =
        TopicRegistry(
            TopicRuntime(scope, DialectTable(listOf(FakeCodec())), buffer = 64, broker = broker) { 0 },
            linger = 1.seconds,
            onControl = ::execute,
        )
    val control: ControlPublications = ControlPublications(topics, this) { probed += it }

    init {
        scope.launch { broker.run(topics) }
        scope.launch {
            control.subscribe()
            isSubscribed = true
        }
    }

    private fun execute(publication: Publication) = control.execute(publication)

    override fun send(user: String?, message: Message): Int {
        sent += user to message
        return 1
    }

    override fun sendToSession(id: String, message: Message): Int {
        sentToSessions += id to message
        return 1
    }

    override fun kick(user: String, reason: String): Int {
        kicked += user to reason
        return 1
    }
}
