@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.TestSession
import dev.live.server.support.prepared
import dev.live.server.support.publish
import dev.live.server.support.textMessage
import dev.live.server.topic.Topic
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

/** Subscribes and unsubscribes by the server, in virtual time. */
class ServerSubscriptionsTest : FunSpec({

    test("the client receives subscribe first, then publications, and unsubscribe last") {
        withSession { one ->
            one.session.subscribe("t") shouldBe true
            one.publish("hello")
            one.session.unsubscribe("t") shouldBe true
            one.publish("too late")
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("subscribe", "hello", "unsubscribe")
            one.session.topics.shouldBeEmpty()
            one.topics.find("t")!!.run { listOf(size, useCount) } shouldBe listOf(0, 0)
        }
    }

    test("a second subscribe, or an unsubscribe without a subscription, changes nothing and sends nothing") {
        withSession { one ->
            one.session.unsubscribe("t") shouldBe false
            one.session.subscribe("t") shouldBe true

            one.session.subscribe("t") shouldBe false
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("subscribe")
            one.topics.find("t")!!.useCount shouldBe 1
        }
    }

    test("unsubscribeAll also ends subscriptions that the client made") {
        withSession { one ->
            one.session.subscribe("a")
            one.session.subscriptions.subscribe("b", one.handlers, Message(MessageType.ACK))

            one.session.unsubscribeAll()
            runCurrent()

            one.session.topics.shouldBeEmpty()
            one.socket.texts() shouldContainExactly listOf("subscribe", "ack", "unsubscribe", "unsubscribe")
        }
    }

    test("a subscribe to an undeclared topic is rejected") {
        withSession { one ->
            shouldThrow<LiveException> { one.session.subscribe("undeclared") }.code shouldBe ErrorCode.UnknownTopic

            one.session.topics.shouldBeEmpty()
            one.topics.find("undeclared") shouldBe null
        }
    }

    test("an ended session subscribes to nothing") {
        withSession { one ->
            one.socket.sendClose()
            runCurrent()

            one.session.subscribe("t") shouldBe false

            one.topics.find("t") shouldBe null
        }
    }

    test("a session that ends during a subscribe is not left in the topic") {
        withSession { one ->
            val hub = one.topics.retain("t")
            repeat(70) { launch(start = CoroutineStart.UNDISPATCHED) { hub.publish(prepared(textMessage("$it"))) } }
            val subscribing = async(start = CoroutineStart.UNDISPATCHED) { one.session.subscribe("t") }

            one.socket.sendClose()
            runCurrent()

            subscribing.await()
            runCurrent()
            one.session.topics.shouldBeEmpty()
            hub.run { listOf(size, useCount) } shouldBe listOf(0, 1) // the remaining user is this test
            one.reasons.size shouldBe 1
        }
    }

    test("a topic lists its sessions, and a predicate selects the recipients") {
        runTest {
            val ann = TestSession(this)
            val all = listOf(ann) + List(2) { TestSession(this, topics = ann.topics, id = "$it") }
            val (_, bob, cat) = all
            all.forEach { it.start() }
            val topic = ann.topic()
            topic.subscribedSessions().shouldBeEmpty()
            all.forEach { it.session.subscribe("t") }
            cat.session.unsubscribe("t")

            topic.subscribedSessions().toSet() shouldBe setOf(ann.session, bob.session)
            topic.publish(textMessage("for bob").body) { it === bob.session } shouldBe 1
            topic.publish(textMessage("no recipient").body) { false } shouldBe 0
            topic.publish(textMessage("for cat").body) { it === cat.session } shouldBe 0
            topic.publish(textMessage("not for bob").body, except = bob.session)
            shouldThrow<IllegalStateException> { topic.publish(null) { error("no") } }
            runCurrent()

            ann.socket.texts() shouldContainExactly listOf("subscribe", "not for bob")
            bob.socket.texts() shouldContainExactly listOf("subscribe", "for bob")
            cat.socket.texts() shouldContainExactly listOf("subscribe", "unsubscribe")
            all.forEach { it.socket.sendClose() }
        }
    }

    test("a session that unsubscribes during selection receives nothing after its unsubscribe") {
        withSession { one ->
            one.session.subscribe("t")
            val topic = one.topic()

            topic.publish(textMessage("late").body) { session ->
                // undispatched: the topic processes the unsubscribe at once
                launch(start = CoroutineStart.UNDISPATCHED) { session.unsubscribe("t") }
                runCurrent()
                true
            } shouldBe 0
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("a codec failure for selected sessions is thrown to the publisher and ends no session") {
        withSession { one ->
            one.session.subscribe("t")
            runCurrent()
            one.codec.broken = true

            shouldThrow<IllegalStateException> { one.topic().publish(textMessage("x").body) { true } }

            one.codec.broken = false
            one.publish("next")
            runCurrent()
            one.socket.texts().last() shouldBe "next"
        }
    }
})

private fun TestSession.topic() = Topic("t", topics)

private suspend fun TestSession.publish(text: String) =
    topics.publish("t", textMessage(text).body)

private fun withSession(test: suspend TestScope.(TestSession) -> Unit) =
    runTest {
        val one = TestSession(this)
        one.start()
        test(one)
        one.socket.sendClose()
    }
