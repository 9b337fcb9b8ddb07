package dev.live.server.session

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.FakeHandlers
import dev.live.server.support.TestTopics
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import dev.live.server.support.textMessage
import dev.live.server.topic.DeliverySettings
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.TopicPolicy
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

/** SessionSubscriptions in topics with lossy delivery. */
@OptIn(ExperimentalCoroutinesApi::class)
class LossySubscriptionTest : FunSpec({

    for (last in listOf(MessageType.ACK, MessageType.UNSUBSCRIBE)) {
        test("$last is the last message of the topic: queued lossy messages are discarded") {
            runTest {
                val policy = TopicPolicy(delivery = DeliverySettings(LossyOverflow.Conflate(limit = 8)))
                val topics = TestTopics(backgroundScope, policy = policy).registry
                val session =
                    testSession(SessionRuntime(sessionSettings(), topics, slot = 0) { 0 }, backgroundScope)
                session.subscriptions.subscribe("t", FakeHandlers(), Message(MessageType.SUBSCRIBE, "t"))
                topics.find("t")!!.publish(prepared(textMessage("value")))
                runCurrent()

                session.subscriptions.unsubscribe("t", Message(last, "t"))
                runCurrent()

                session.state.queue.written() shouldContainExactly listOf("subscribe", last)
            }
        }
    }

    test("messages of application types are conflated like any other") {
        runTest {
            val policy = TopicPolicy(delivery = DeliverySettings(LossyOverflow.Conflate(limit = 1)))
            val topics = TestTopics(backgroundScope, policy = policy).registry
            val session = testSession(SessionRuntime(sessionSettings(), topics, slot = 0) { 0 }, backgroundScope)
            session.subscriptions.subscribe("t", FakeHandlers(), Message(MessageType.SUBSCRIBE, "t"))

            repeat(3) { topics.find("t")!!.publish(prepared(Message("tick", "t"))) }
            runCurrent()

            session.state.queue.written() shouldContainExactly listOf("subscribe", "tick")
        }
    }
})

private suspend fun SessionQueue.written(): List<String> {
    close()
    val words = ArrayList<String>()
    while (true) words += takenFrames(8)?.map { it.payload().decodeToString() } ?: return words
}
