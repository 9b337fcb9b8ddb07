@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.TestSession
import dev.live.server.support.prepared
import dev.live.server.support.publish
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import dev.live.server.topic.MessageBatch
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

class SessionSubscriptionsTest : FunSpec({

    test("a session has its topics from subscribe to unsubscribe") {
        withSession { one ->
            val subscriptions = one.session.subscriptions
            subscriptions.subscribe("a", one.handlers, ack)
            subscriptions.subscribe("b", one.handlers, ack)

            one.session.topics shouldBe setOf("a", "b")
            subscriptions["a"].shouldNotBeNull().handlers shouldBe one.handlers
            subscriptions.unsubscribe("a", ack).shouldNotBeNull().topic shouldBe "a"
            subscriptions.unsubscribe("a", ack) shouldBe null

            one.session.topics shouldBe setOf("b")
            one.topics.find("a")!!.useCount shouldBe 0
            runCurrent()
            one.socket.texts() shouldContainExactly listOf("ack", "ack", "ack")
        }
    }

    test("a session does not list a topic whose last message may have reached the client") {
        withSession { one ->
            val subscriptions = one.session.subscriptions
            subscriptions.subscribe("a", one.handlers, ack)

            val change = launch(start = CoroutineStart.UNDISPATCHED) { subscriptions.unsubscribe("a", ack) }
            change.isActive shouldBe true // it waits for the topic, which queues the ack
            one.session.topics shouldBe emptySet()
            change.join()
        }
    }

    test("a session that ends unsubscribes from all topics without a message") {
        withSession { one ->
            one.session.subscriptions.subscribe("a", one.handlers, ack)
            one.session.subscriptions.subscribe("b", one.handlers, ack)

            one.session.subscriptions.unsubscribeAll()
            runCurrent()

            one.session.topics shouldBe emptySet()
            for (topic in listOf("a", "b")) {
                one.topics.find(topic)!!.run { listOf(size, useCount) } shouldBe
                    listOf(0, 0)
            }
            one.socket.texts() shouldContainExactly listOf("ack", "ack")
        }
    }

    test("a batch that does not fit leaves the session open; the single message that does not fit ends it") {
        withSession(sessionSettings(queueCapacity = 3)) { one ->
            val subscriptions = one.session.subscriptions
            subscriptions.subscribe("t", one.handlers, ack)
            runCurrent()
            one.socket.stalled = true
            val subscription = subscriptions["t"].shouldNotBeNull()
            val messages = List(4) { prepared(textMessage("$it")) }
            subscription.offer(prepared(textMessage("being written")))
            runCurrent()

            subscription.offer(MessageBatch(messages, DialectTable(listOf(FakeCodec())))) shouldBe false
            one.session.state.endReason shouldBe null
            messages.map { subscription.offer(it) } shouldContainExactly listOf(true, true, true, false)

            one.session.state.endReason.shouldNotBeNull().code shouldBe CloseCode.SlowConsumer
        }
    }

    test("a queue takes more than its bound until its writer has run, and the topic waits for the writer") {
        withSession(sessionSettings(queueCapacity = 3)) { one ->
            val subscriptions = one.session.subscriptions
            subscriptions.subscribe("t", one.handlers, ack)
            runCurrent()
            val subscription = subscriptions["t"].shouldNotBeNull()

            List(12) { subscription.offer(prepared(textMessage("$it"))) } shouldContainExactly List(12) { true }
            subscription.active.backlog.isEmpty shouldBe false
            subscription.offer(prepared(textMessage("over the limit"))) shouldBe false

            one.session.state.endReason.shouldNotBeNull().code shouldBe CloseCode.SlowConsumer
        }
    }

    test("an ack is queued above the bound and never ends a session") {
        withSession(sessionSettings(queueCapacity = 1)) { one ->
            one.socket.stalled = true
            while (one.session.trySend(textMessage("a"))) runCurrent()

            one.session.subscriptions.subscribe("t", one.handlers, ack)
            runCurrent()

            one.session.isOpen shouldBe true
            one.topics.find("t").shouldNotBeNull().size shouldBe 1
            one.socket.stalled = false
            runCurrent()
            one.socket.texts().last() shouldBe "ack"
        }
    }

    for (isBehind in listOf(false, true)) {
        val situation = if (isBehind) "while the topic is behind" else "while the topic processes it"

        test("a subscribe cancelled $situation leaves the session unsubscribed, and it can subscribe again") {
            withSession { one ->
                val subscriptions = one.session.subscriptions
                if (isBehind) fallBehind(one)
                val subscribing =
                    launch(start = CoroutineStart.UNDISPATCHED) { subscriptions.subscribe("t", one.handlers, ack) }

                subscribing.cancel()
                runCurrent()

                one.session.topics shouldBe emptySet()
                one.topics.find("t")!!.size shouldBe 0
                subscriptions.subscribe("t", one.handlers, textMessage("again"))
                one.topics.publish("t")
                runCurrent()
                one.socket.texts().takeLast(2) shouldContainExactly listOf("again", "message")
            }
        }

        test("an unsubscribe cancelled $situation still unsubscribes the session") {
            withSession { one ->
                val subscriptions = one.session.subscriptions
                subscriptions.subscribe("t", one.handlers, ack)
                if (isBehind) fallBehind(one)
                val unsubscribing = launch(start = CoroutineStart.UNDISPATCHED) { subscriptions.unsubscribe("t", ack) }

                unsubscribing.cancel()
                runCurrent()

                one.session.topics shouldBe emptySet()
                one.topics.find("t")!!.run { listOf(size, useCount - if (isBehind) 1 else 0) } shouldBe listOf(0, 0)
            }
        }
    }
})

private val ack = Message(MessageType.ACK)

private fun withSession(
    settings: SessionSettings = sessionSettings(),
    test: suspend TestScope.(TestSession) -> Unit,
) =
    runTest {
        val one = TestSession(this, settings)
        one.start()
        test(one)
        one.socket.sendClose()
    }

/** Fills the buffer of topic "t". Its coroutine runs when the test yields. */
private suspend fun TestScope.fallBehind(one: TestSession) {
    val hub = one.topics.retain("t")
    repeat(70) { launch(start = CoroutineStart.UNDISPATCHED) { hub.publish(prepared(textMessage("$it"))) } }
}
