package dev.live.client.topic

import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.room
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribedData
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.seconds

/** What becomes of a subscription, as a flow. */
class TopicEventsTest : FunSpec({

    test("a subscription is joined, recovered, or has a gap") {
        clientTest {
            var recovers = false
            transport.onMessage = { message ->
                (message.type == MessageType.SUBSCRIBE).also {
                    val data = Body.of(SubscribedData("e", 7, recovers))
                    if (it) push(Message(MessageType.ACK, message.topic, message.ref, data))
                }
            }
            val events = collect(room().events)
            events.awaitItem() shouldBe TopicEvent.Subscribed

            transport.wire.cut()
            pass(1.seconds)
            events.awaitItem() shouldBe TopicEvent.Gap
            recovers = true
            transport.wire.cut()
            pass(1.seconds)
            events.awaitItem() shouldBe TopicEvent.Recovered
            events.cancel()
        }
    }

    test("one that is refused ends with why, and fails nothing") {
        clientTest {
            transport.onMessage = { message -> refuse(message, "forbidden", "not for you").let { true } }

            val events = collect(room().events)

            events.awaitItem().shouldBeInstanceOf<TopicEvent.Denied>().error.code shouldBe ErrorCode.Forbidden
            events.awaitComplete()
        }
    }

    test("closing the client ends it without a word") {
        clientTest {
            val events = collect(room().events)
            events.awaitItem() shouldBe TopicEvent.Subscribed

            client.close()

            events.awaitComplete()
        }
    }
})
