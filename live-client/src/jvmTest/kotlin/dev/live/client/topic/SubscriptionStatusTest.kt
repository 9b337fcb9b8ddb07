package dev.live.client.topic

import app.cash.turbine.ReceiveTurbine
import dev.live.client.Chat
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.room
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribedData
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.seconds

/** The status of a subscription in [dev.live.client.ClientTopic.updates]. */
class SubscriptionStatusTest : FunSpec({

    test("updates report the first subscribe, a gap and a recovery") {
        clientTest {
            var recovers = false
            transport.onMessage = { message ->
                (message.type == MessageType.SUBSCRIBE).also {
                    val data = Body.of(SubscribedData("e", 7, recovers))
                    if (it) push(Message(MessageType.ACK, message.topic, message.ref, data))
                }
            }
            val updates = collect(room().updates)
            updates.awaitRecovery() shouldBe Recovery.First

            transport.wire.cut()
            pass(1.seconds)
            updates.awaitRecovery() shouldBe Recovery.Gap
            recovers = true
            transport.wire.cut()
            pass(1.seconds)
            updates.awaitRecovery() shouldBe Recovery.Recovered
            updates.cancel()
        }
    }

    test("updates fail with the server's error if the server rejects the subscription") {
        clientTest {
            transport.onMessage = { message -> reject(message, "forbidden", "not for you").let { true } }

            val updates = collect(room().updates)

            updates.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Forbidden
        }
    }

    test("updates complete when the application closes the client") {
        clientTest {
            val updates = collect(room().updates)
            updates.awaitRecovery() shouldBe Recovery.First

            client.close()

            updates.awaitComplete()
        }
    }
})

private suspend fun ReceiveTurbine<TopicUpdate<Chat>>.awaitRecovery(): Recovery =
    awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery
