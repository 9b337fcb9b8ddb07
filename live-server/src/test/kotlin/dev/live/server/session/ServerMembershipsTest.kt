@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.LocalBroker
import dev.live.server.broker.Publication
import dev.live.server.support.TestSession
import dev.live.server.support.prepared
import dev.live.server.support.wordMessage
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

/** Joining and leaving by the server, in virtual time. */
class ServerMembershipsTest : FunSpec({

    test("a session that the server joins hears so first, then what is published, and last that it has left") {
        withSession { one ->
            one.session.join("t") shouldBe true
            one.publish("hello")
            one.session.leave("t") shouldBe true
            one.publish("too late")
            runCurrent()

            one.socket.words() shouldContainExactly listOf("subscribe", "hello", "unsubscribe")
            one.session.topics.shouldBeEmpty()
            one.topics.find("t")!!.run { listOf(size, users) } shouldBe listOf(0, 0)
        }
    }

    test("joining twice and leaving what was not joined change nothing, and say nothing") {
        withSession { one ->
            one.session.leave("t") shouldBe false
            one.session.join("t") shouldBe true

            one.session.join("t") shouldBe false
            runCurrent()

            one.socket.words() shouldContainExactly listOf("subscribe")
            one.topics.find("t")!!.users shouldBe 1
        }
    }

    test("leaving all leaves what the client joined too") {
        withSession { one ->
            one.session.join("a")
            one.session.state.memberships.join("b", "", Message(MessageType.ACK))

            one.session.leaveAll()
            runCurrent()

            one.session.topics.shouldBeEmpty()
            one.socket.words() shouldContainExactly listOf("subscribe", "ack", "unsubscribe", "unsubscribe")
        }
    }

    test("a topic that nothing declares is refused") {
        withSession { one ->
            shouldThrow<LiveException> { one.session.join("undeclared") }.code shouldBe ErrorCode.UnknownTopic

            one.session.topics.shouldBeEmpty()
            one.topics.find("undeclared") shouldBe null
        }
    }

    test("a session that has ended joins nothing") {
        withSession { one ->
            one.socket.sayGoodbye()
            runCurrent()

            one.session.join("t") shouldBe false

            one.topics.find("t") shouldBe null
        }
    }

    test("a session that ends while it is being joined is out of the topic all the same") {
        withSession { one ->
            val hub = one.topics.retain("t")
            repeat(70) { launch(start = CoroutineStart.UNDISPATCHED) { hub.publish(prepared(wordMessage("$it"))) } }
            val joining = async(start = CoroutineStart.UNDISPATCHED) { one.session.join("t") }

            one.socket.sayGoodbye()
            runCurrent()

            joining.await()
            runCurrent()
            one.session.topics.shouldBeEmpty()
            hub.run { listOf(size, users) } shouldBe listOf(0, 1) // its one user is this test
            one.reasons.size shouldBe 1
        }
    }

    test("a topic knows its members, and reaches those that are chosen") {
        runTest {
            val ann = TestSession(this)
            val all = listOf(ann) + List(2) { TestSession(this, topics = ann.topics, id = "$it") }
            val (_, bob, cat) = all
            all.forEach { it.start() }
            val topic = ann.topic()
            topic.subscribedSessions().shouldBeEmpty()
            all.forEach { it.session.join("t") }
            cat.session.leave("t")

            topic.subscribedSessions().toSet() shouldBe setOf(ann.session, bob.session)
            topic.publish(wordMessage("for bob").body) { it === bob.session } shouldBe 1
            topic.publish(wordMessage("for nobody").body) { false } shouldBe 0
            topic.publish(wordMessage("for cat").body) { it === cat.session } shouldBe 0
            topic.publish(wordMessage("not for bob").body, except = bob.session)
            shouldThrow<IllegalStateException> { topic.publish(null) { error("no") } }
            runCurrent()

            ann.socket.words() shouldContainExactly listOf("subscribe", "not for bob")
            bob.socket.words() shouldContainExactly listOf("subscribe", "for bob")
            cat.socket.words() shouldContainExactly listOf("subscribe", "unsubscribe")
            all.forEach { it.socket.sayGoodbye() }
        }
    }

    test("who leaves while it is being chosen gets nothing behind its last word") {
        withSession { one ->
            one.session.join("t")
            val topic = one.topic()

            topic.publish(wordMessage("late").body) { session ->
                // undispatched, and the topic takes it at once
                launch(start = CoroutineStart.UNDISPATCHED) { session.leave("t") }
                runCurrent()
                true
            } shouldBe 0
            runCurrent()

            one.socket.words() shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("a codec that fails for the chosen is told to the publisher, and ends nothing") {
        withSession { one ->
            one.session.join("t")
            runCurrent()
            one.codec.broken = true

            shouldThrow<IllegalStateException> { one.topic().publish(wordMessage("x").body) { true } }

            one.codec.broken = false
            one.publish("on it goes")
            runCurrent()
            one.socket.words().last() shouldBe "on it goes"
        }
    }
})

private fun TestSession.topic() = Topic("t", topics, LocalBroker(topics::deliver))

private suspend fun TestSession.publish(word: String) =
    topics.deliver(Publication("t", wordMessage(word).body))

private fun withSession(test: suspend TestScope.(TestSession) -> Unit) =
    runTest {
        val one = TestSession(this)
        one.start()
        test(one)
        one.socket.sayGoodbye()
    }
