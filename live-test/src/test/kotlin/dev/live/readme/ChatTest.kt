package dev.live.readme

import dev.live.client.connection.DisconnectCause
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application

// What the README shows of a test, which runs here against what it shows of the server.

class ChatTest : FunSpec({
    test("what ann says reaches bob") {
        testLive(Application::chat) {
            val ann = connect { bearer { "token of ann" } }
            val bob = connect { bearer { "token of bob" } }
            val heardByBob = bob.received<Chat>("room/lobby")
            ann.received<Chat>("room/lobby") // who publishes has to be in the room

            ann.topic<Chat>("room/lobby").publish(Chat("hello"))

            heardByBob.next() shouldBe Chat("hello", from = "ann")
        }
    }

    test("who has no token is refused") {
        testLive(Application::chat) {
            val refused = client().awaitClosed() as DisconnectCause.UpgradeRefused

            refused.status shouldBe 401
        }
    }
})
