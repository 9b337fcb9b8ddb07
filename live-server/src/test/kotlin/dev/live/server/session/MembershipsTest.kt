@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Publication
import dev.live.server.support.FakeCodec
import dev.live.server.support.TestSession
import dev.live.server.support.prepared
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import dev.live.server.topic.CodecTable
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

class MembershipsTest : FunSpec({

    test("a session has its topics from join to leave") {
        withSession { one ->
            val memberships = one.session.state.memberships
            memberships.join("a", "attached", ack)
            memberships.join("b", "attached", ack)

            one.session.topics shouldBe setOf("a", "b")
            memberships["a"].shouldNotBeNull().attachment shouldBe "attached"
            memberships.leave("a", ack) shouldBe true
            memberships.leave("a", ack) shouldBe false

            one.session.topics shouldBe setOf("b")
            one.topics.find("a")!!.users shouldBe 0
            runCurrent()
            one.socket.texts() shouldContainExactly listOf("ack", "ack", "ack")
        }
    }

    test("a session that ends leaves all topics without a message") {
        withSession { one ->
            one.session.state.memberships.join("a", "", ack)
            one.session.state.memberships.join("b", "", ack)

            one.session.state.memberships.leaveAll()
            runCurrent()

            one.session.topics shouldBe emptySet()
            for (topic in listOf("a", "b")) one.topics.find(topic)!!.run { listOf(size, users) } shouldBe listOf(0, 0)
            one.socket.texts() shouldContainExactly listOf("ack", "ack")
        }
    }

    test("a batch that does not fit leaves the session open; the single message that does not fit ends it") {
        withSession(sessionSettings(queueCapacity = 3)) { one ->
            val memberships = one.session.state.memberships
            memberships.join("t", "", ack)
            runCurrent()
            one.socket.stalled = true
            val membership = memberships["t"].shouldNotBeNull()
            val messages = List(4) { prepared(textMessage("$it")) }
            membership.offer(prepared(textMessage("being written")))
            runCurrent()

            membership.offer(MessageBatch(messages, CodecTable(listOf(FakeCodec())))) shouldBe false
            one.session.state.endReason shouldBe null
            messages.map { membership.offer(it) } shouldContainExactly listOf(true, true, true, false)

            one.session.state.endReason.shouldNotBeNull().code shouldBe CloseCode.SlowConsumer
        }
    }

    test("a queue takes more than its bound until its writer has run, and the topic waits for the writer") {
        withSession(sessionSettings(queueCapacity = 3)) { one ->
            val memberships = one.session.state.memberships
            memberships.join("t", "", ack)
            runCurrent()
            val membership = memberships["t"].shouldNotBeNull()

            List(12) { membership.offer(prepared(textMessage("$it"))) } shouldContainExactly List(12) { true }
            membership.hub.turns.isEmpty shouldBe false
            membership.offer(prepared(textMessage("over the limit"))) shouldBe false

            one.session.state.endReason.shouldNotBeNull().code shouldBe CloseCode.SlowConsumer
        }
    }

    test("an ack is queued above the bound and never ends a session") {
        withSession(sessionSettings(queueCapacity = 1)) { one ->
            one.socket.stalled = true
            while (one.session.trySend(textMessage("a"))) runCurrent()

            one.session.state.memberships.join("t", "", ack)
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

        test("a join cancelled $situation leaves the session unsubscribed, and it can join again") {
            withSession { one ->
                val memberships = one.session.state.memberships
                if (isBehind) fallBehind(one)
                val joining = launch(start = CoroutineStart.UNDISPATCHED) { memberships.join("t", "", ack) }

                joining.cancel()
                runCurrent()

                one.session.topics shouldBe emptySet()
                one.topics.find("t")!!.size shouldBe 0
                memberships.join("t", "", textMessage("again"))
                one.topics.deliver(Publication("t", body = null))
                runCurrent()
                one.socket.texts().takeLast(2) shouldContainExactly listOf("again", "message")
            }
        }

        test("a leave cancelled $situation still unsubscribes the session") {
            withSession { one ->
                val memberships = one.session.state.memberships
                memberships.join("t", "", ack)
                if (isBehind) fallBehind(one)
                val leaving = launch(start = CoroutineStart.UNDISPATCHED) { memberships.leave("t", ack) }

                leaving.cancel()
                runCurrent()

                one.session.topics shouldBe emptySet()
                one.topics.find("t")!!.run { listOf(size, users - if (isBehind) 1 else 0) } shouldBe listOf(0, 0)
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
private fun TestScope.fallBehind(one: TestSession) {
    val hub = one.topics.retain("t")
    repeat(70) { launch(start = CoroutineStart.UNDISPATCHED) { hub.publish(prepared(textMessage("$it"))) } }
}
