@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import dev.live.server.dialect.DialectTable
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.payload
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.ktor.util.AttributeKey
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.serialization.json.JsonPrimitive

/** The public members of a subscription, in virtual time. */
class SubscriptionTest : FunSpec({

    test("a coroutine of a subscription ends when the server unsubscribes the session, before onUnsubscribe runs") {
        withSubscription { one, subscription ->
            val job = subscription.launch { awaitCancellation() }
            val calls = mutableListOf<String>()
            one.handlers.onUnsubscribe =
                { calls += "active: ${job.isActive} ${it.isActive}, open: ${it.session.isOpen}" }

            one.session.unsubscribe("t")
            runCurrent()

            calls shouldContainExactly listOf("active: false false, open: true")
            job.isCancelled shouldBe true
        }
    }

    test("a coroutine of a subscription ends with the session") {
        withSubscription { one, subscription ->
            val job = subscription.launch { awaitCancellation() }

            one.socket.sendClose()
            runCurrent()

            job.isCancelled shouldBe true
            one.reasons.single().code shouldBe CloseCode.Normal
        }
    }

    test("the end of one subscription does not cancel the coroutines of another") {
        withSubscription { one, subscription ->
            one.session.subscribe("other")
            val other = one.session.subscriptions["other"].shouldNotBeNull().launch { awaitCancellation() }
            subscription.launch { awaitCancellation() }

            subscription.leave()
            runCurrent()

            other.isActive shouldBe true
            one.session.isOpen shouldBe true
        }
    }

    test("a scope that is first used after the end is cancelled") {
        withSubscription { one, subscription ->
            subscription.leave()

            val job = subscription.launch { awaitCancellation() }

            job.isCancelled shouldBe true
            subscription.coroutineContext shouldBeSameInstanceAs subscription.coroutineContext
            one.session.isOpen shouldBe true
        }
    }

    test("a scope that is first used while the session ends does not delay the end") {
        withSubscription { one, subscription ->
            one.socket.stalled = true
            one.session.close()
            runCurrent()

            subscription.launch { awaitCancellation() }.isCancelled shouldBe true

            one.socket.stalled = false
            runCurrent()
            one.reasons.size shouldBe 1
        }
    }

    test("a failed coroutine of a subscription ends the session with 1011") {
        withSubscription { one, subscription ->
            subscription.launch { error("boom") }
            runCurrent()

            one.reasons.single().code shouldBe CloseCode.Internal
        }
    }

    test("a coroutine that leaves its own subscription is cancelled after onUnsubscribe has run") {
        withSubscription { one, subscription ->
            val calls = mutableListOf<String>()
            one.handlers.onUnsubscribe = { calls += "left ${it.topic}" }

            val job = subscription.launch {
                subscription.leave()
                awaitCancellation()
            }
            runCurrent()

            calls shouldContainExactly listOf("left t")
            job.isCompleted shouldBe true
            one.session.topics.shouldBeEmpty()
            one.socket.texts() shouldContainExactly listOf("subscribe", "unsubscribe")
        }
    }

    test("attributes belong to one subscription and are available in onUnsubscribe") {
        val key = AttributeKey<Int>("count")
        withSubscription { one, subscription ->
            subscription.attributes.put(key, 7)
            var last: Int? = null
            one.handlers.onUnsubscribe = { last = it.attributes.getOrNull(key) }

            subscription.leave()
            one.session.subscribe("t")

            last shouldBe 7
            one.session.subscriptions["t"].shouldNotBeNull().attributes.getOrNull(key) shouldBe null
        }
    }

    test("push sends a message of the topic to this session until the subscription ends") {
        withSubscription { one, subscription ->
            subscription.push("tick", Body.of(1)) shouldBe true
            subscription.push("tick", 2) shouldBe true

            subscription.leave()
            subscription.push("tick", Body.of(3)) shouldBe false
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("subscribe", "tick", "tick", "unsubscribe")
        }
    }

    test("push rejects types of the protocol") {
        withSubscription { _, subscription ->
            shouldThrow<IllegalArgumentException> { subscription.push("message", null) }.message shouldBe
                "message type 'message' is reserved by the protocol. Choose another type."
            shouldThrow<IllegalArgumentException> { subscription.push("", null) }
        }
    }

    test("leave sends its reason, and ends only its own subscription") {
        runTest {
            val topics = TestTopics(backgroundScope, DialectTable(listOf(JsonCodec))).registry
            val one = TestSession(this)
            val runtime = SessionRuntime(sessionSettings(), topics, slot = 0) { 0 }
            val session = testSession(runtime, backgroundScope, declared = { one.handlers })
            session.subscribe("t")
            val first = session.subscriptions["t"].shouldNotBeNull()

            first.leave("the room is closed") shouldBe true
            session.subscribe("t")
            first.leave() shouldBe false
            runCurrent()

            session.topics shouldBe setOf("t")
            session.state.queue.close()
            session.state.queue.takenFrames(8).orEmpty().map { it.payload().decodeToString() } shouldContainExactly
                listOf(
                    """{"type":"subscribe","topic":"t"}""",
                    """{"type":"unsubscribe","topic":"t","data":{"reason":"the room is closed"}}""",
                    """{"type":"subscribe","topic":"t"}""",
                )
        }
    }

    test("a subscription has the params of its subscribe, and the parameters of its topic's name") {
        withSubscription { one, subscription ->
            val params = JsonPrimitive("EUR")
            val other =
                one.session.subscriptions.subscribe("room", one.handlers, Message(MessageType.ACK), params)

            other.params shouldBe params
            other.paramsAs<String>() shouldBe "EUR"
            other.parameters["name"] shouldBe "room"
            other.session shouldBeSameInstanceAs one.session
            subscription.params shouldBe null
            subscription.paramsAs<String>() shouldBe null
        }
    }

    test("an unused scope costs the session no job") {
        withSubscription { one, subscription ->
            val before = one.session.coroutineContext[Job]!!.children.count()

            subscription.coroutineContext

            one.session.coroutineContext[Job]!!.children.count() shouldBe before + 1
            subscription.leave()
            one.session.coroutineContext[Job]!!.children.count() shouldBe before
        }
    }
})

/** A session that the server has subscribed to the topic `t`. */
private fun withSubscription(test: suspend TestScope.(TestSession, Subscription<Unit>) -> Unit) =
    runTest {
        val one = TestSession(this)
        one.start()
        one.session.subscribe("t")
        test(one, one.session.subscriptions["t"].shouldNotBeNull())
        one.socket.sendClose()
    }
