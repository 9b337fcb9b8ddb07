package dev.live.client.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The order of a queued unsubscribe and an earlier message to the same topic. */
class UnsubscribeOrderTest : FunSpec({

    test("a queued unsubscribe does not overtake a publish to its topic") {
        runTest {
            val connection = Connection(this)
            val leaving = connection.closeScreen()
            connection.publishAndLeave(leaving)

            connection.written().map { it.type to it.topic } shouldBe listOf(MessageType.PUBLISH to leaving)
        }
    }

    test("an unsubscribe that leaves the queue stays behind a publish to its topic") {
        runTest {
            val connection = Connection(this)
            val leaving = connection.closeScreen()
            val unacked = connection.unsubscribes.toList()
            connection.publishAndLeave(leaving)

            unacked.forEach { connection.router.route(Message(MessageType.ACK, it.topic, it.ref)) }

            connection.written().filter { it.topic == leaving }.map { it.type } shouldBe
                listOf(MessageType.PUBLISH, MessageType.UNSUBSCRIBE)
        }
    }
})

/** A router with 100 subscribed topics. The test reads its outbox like a connection. */
@OptIn(ExperimentalCoroutinesApi::class)
private class Connection(private val scope: TestScope) {
    private val outbox = Outbox(OutboxCapacity(messages = 100, bytes = 100_000))
    private val pending = PendingReplies()
    private val context = EmptyCoroutineContext
    private val requests = RequestHandlers(scope.backgroundScope, context, outbox)
    private val refs = Refs()
    private val pings = Pings(outbox, refs)
    private val replies = SubscriptionReplies(scope.backgroundScope, refs, pending, pings, 10.seconds)
    private val subscriptions = Subscriptions(scope.backgroundScope, outbox, replies, linger = Duration.ZERO)
    val router = Router(context, outbox, pending, pings, subscriptions, requests)
    val unsubscribes = mutableListOf<Message>()
    private val collectors: Map<String, Job>

    init {
        router.connected()
        collectors =
            List(100) { "room/$it" }.associateWith { topic ->
                scope.backgroundScope.launch {
                    router.events(topic, CollectorOverflow.Recover, params = null, { true }) { it }.collect()
                }
            }
        scope.runCurrent()
        while (true) {
            val subscribes = written().ifEmpty { break }
            subscribes.forEach { router.route(Message(MessageType.ACK, it.topic, it.ref)) }
        }
    }

    fun written(): List<Message> = generateSequence { outbox.tryTake() }.toList()

    /** Cancels as many collectors as fit into the window. Returns a topic that is still collected. */
    fun closeScreen(): String {
        collectors.values.take(SubscriptionThrottle.WINDOW).forEach { it.cancel() }
        scope.runCurrent()
        unsubscribes += written()
        unsubscribes.map { it.type } shouldBe List(SubscriptionThrottle.WINDOW) { MessageType.UNSUBSCRIBE }
        return collectors.keys.last()
    }

    fun publishAndLeave(topic: String) {
        outbox.capacity.tryAcquire(0)
        outbox.add(PendingSend(Message(MessageType.PUBLISH, topic), expectsReply = false, pending))
        collectors.getValue(topic).cancel()
        scope.runCurrent()
    }
}
