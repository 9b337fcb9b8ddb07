package dev.live.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf

class LiveClientTest : FunSpec({

    test("a client connects by itself") {
        clientTest {
            settle()

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>().subprotocol shouldBe "live.v1.json"
        }
    }

    test("what is published reaches a collector") {
        clientTest {
            val room = client.topic<Chat>("room/42")

            room.messages.test {
                settle()
                room.publish(Chat("ann", "hello"))

                awaitItem() shouldBe Chat("ann", "hello")
            }
            settle()

            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "publish", "unsubscribe")
        }
    }
})
