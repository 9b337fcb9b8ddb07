package dev.live.samples.chat

import dev.live.client.connection.DisconnectCause
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.http.encodeURLParameter
import io.ktor.server.application.Application
import kotlin.time.Instant

class ChatTest : FunSpec({

    test("a message reaches the other user and its author") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val bob = connect("/live?name=Bob")
            val annMessages = ann.received<Chat>("room/lobby")
            val bobMessages = bob.received<Chat>("room/lobby")

            ann.topic<Chat>("room/lobby").publish(Chat("hello"))

            bobMessages.next().text shouldBe "hello"
            annMessages.next().text shouldBe "hello"
        }
    }

    test("messages are not delivered to other rooms") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val lobby = ann.topic<Chat>("room/lobby")
            val lobbyMessages = ann.received<Chat>("room/lobby")
            val kitchenMessages = ann.received<Chat>("room/kitchen")

            lobby.publish(Chat("in the lobby"))
            ann.topic<Chat>("room/kitchen").publish(Chat("in the kitchen"))

            lobbyMessages.next().text shouldBe "in the lobby"
            kitchenMessages.next().text shouldBe "in the kitchen"
        }
    }

    test("the server sets author and time") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val messages = ann.received<Chat>("room/lobby")

            ann.topic<Chat>("room/lobby").publish(Chat("hello", from = "Bob", at = "yesterday"))

            val chat = messages.next()
            chat.from shouldBe "Ann"
            Instant.parse(chat.at.orEmpty())
        }
    }

    test("text is trimmed, and has up to 2,000 characters") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val messages = ann.received<Chat>("room/lobby")
            val longest = "x".repeat(2_000)

            ann.topic<Chat>("room/lobby").publish(Chat("  $longest\n"))

            messages.next().text shouldBe longest
        }
    }

    test("empty and too long texts are rejected and not delivered") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val messages = ann.received<Chat>("room/lobby")
            val room = ann.topic<Chat>("room/lobby")

            val rejected =
                listOf("", " \n", "x".repeat(2_001)).map { text ->
                    shouldThrow<LiveException> { room.publish(Chat(text)) }
                }
            room.publish(Chat("hello"))

            rejected.map { it.code }.distinct() shouldContainExactly listOf(ErrorCode.BadPayload)
            rejected.map { it.reason } shouldContainExactly
                listOf("text is empty", "text is empty", "text is over 2000 characters")
            messages.next().text shouldBe "hello"
        }
    }

    for ((case, query) in listOf(
        "no name" to "",
        "a blank name" to "?name=%20",
        "41 characters" to "?name=${name(41)}",
    )) {
        test("a connection with $case is rejected") {
            testLive(Application::chat) {
                val cause = client("/live$query").awaitClosed()

                cause.shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().status shouldBe 401
            }
        }
    }

    test("a name is trimmed, and has up to 40 characters of any script") {
        testLive(Application::chat) {
            nameOf(name(40)) shouldBe name(40)
            nameOf(" Zoë 木 ") shouldBe "Zoë 木"
        }
    }
})

private fun name(length: Int) = "n".repeat(length)

/** The author that others see for a user that connects as [name]. */
private suspend fun LiveTest.nameOf(name: String): String? {
    val client = connect("/live?name=${name.encodeURLParameter()}")
    val messages = client.received<Chat>("room/lobby")
    client.topic<Chat>("room/lobby").publish(Chat("hello"))
    return messages.next().from
}
