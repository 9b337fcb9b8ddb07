package dev.live.server.session

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.TestSession
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runTest
import java.util.concurrent.atomic.AtomicBoolean

class SubscriptionTableTest : FunSpec({

    test("a session finds exactly its current subscriptions, with few and with many topics") {
        checkAll(50, Arb.list(Arb.int(0..2 * SubscriptionTable.MAX_FEW), 0..80)) { changes ->
            withSession { one ->
                val subscriptions = one.session.subscriptions
                val model = HashMap<String, Subscription<*>>()

                for (topic in changes.map { "topic/$it" }) {
                    if (topic in model) {
                        subscriptions.unsubscribe(topic, ack) shouldBe model.remove(topic)
                    } else {
                        model[topic] = subscriptions.subscribe(topic, one.handlers, ack)
                    }

                    subscriptions[topic] shouldBe model[topic]
                    subscriptions.count shouldBe model.size
                    subscriptions.names shouldBe model.keys
                    subscriptions.all.toSet() shouldBe model.values.toSet()
                }
                for ((topic, subscription) in model) subscriptions[topic] shouldBe subscription
            }
        }
    }

    test("a reader on another thread finds a subscription while others are added and removed") {
        withSession { one ->
            val subscriptions = one.session.subscriptions
            val kept = subscriptions.subscribe("kept", one.handlers, ack)
            val others = List(2 * SubscriptionTable.MAX_FEW) { "topic/$it" }
            val isDone = AtomicBoolean()
            val reader = async(Dispatchers.Default) {
                var isAlwaysFound = true
                while (!isDone.get()) {
                    if (subscriptions["kept"] !== kept || subscriptions.count == 0) isAlwaysFound = false
                    if ("kept" !in subscriptions.names || kept !in subscriptions.all) isAlwaysFound = false
                }
                isAlwaysFound
            }

            repeat(20) {
                for (topic in others) subscriptions.subscribe(topic, one.handlers, ack)
                for (topic in others) subscriptions.unsubscribe(topic, ack)
            }

            isDone.set(true)
            reader.await() shouldBe true
        }
    }
})

private val ack = Message(MessageType.ACK)

private fun withSession(test: suspend TestScope.(TestSession) -> Unit) =
    runTest {
        val one = TestSession(this)
        one.start()
        test(one)
        one.socket.sendClose()
    }
