package dev.live.docs.testing

import dev.live.client.connection.DisconnectCause
import dev.live.readme.Chat
import dev.live.readme.chat
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application

// The test of docs/testing.md, which runs against the server of the README.

class ChatTest : FunSpec({
    test("bob receives the message that ann publishes") {
        testLive(Application::chat) {
            val ann = connect { bearer { "token of ann" } }
            val bob = connect { bearer { "token of bob" } }
            val receivedByBob = bob.received<Chat>("room/lobby")
            ann.received<Chat>("room/lobby") // a publisher must be subscribed

            ann.topic<Chat>("room/lobby").publish(Chat("hello"))

            receivedByBob.next() shouldBe Chat("hello", from = "ann")
        }
    }

    test("a client without a token is rejected") {
        testLive(Application::chat) {
            val rejected = client().awaitClosed() as DisconnectCause.UpgradeRejected

            rejected.status shouldBe 401
        }
    }
})
