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

    test("what ann says reaches bob, and ann") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val bob = connect("/live?name=Bob")
            val heardByAnn = ann.received<Chat>("room/lobby")
            val heardByBob = bob.received<Chat>("room/lobby")

            ann.topic<Chat>("room/lobby").publish(Chat("hello"))

            heardByBob.next().text shouldBe "hello"
            heardByAnn.next().text shouldBe "hello"
        }
    }

    test("another room hears nothing of it") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val lobby = ann.topic<Chat>("room/lobby")
            val heardInLobby = ann.received<Chat>("room/lobby")
            val heardInKitchen = ann.received<Chat>("room/kitchen")

            lobby.publish(Chat("in the lobby"))
            ann.topic<Chat>("room/kitchen").publish(Chat("in the kitchen"))

            heardInLobby.next().text shouldBe "in the lobby"
            heardInKitchen.next().text shouldBe "in the kitchen"
        }
    }

    test("who says it and when is the server's to say") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val heard = ann.received<Chat>("room/lobby")

            ann.topic<Chat>("room/lobby").publish(Chat("hello", from = "Bob", at = "yesterday"))

            val chat = heard.next()
            chat.from shouldBe "Ann"
            Instant.parse(chat.at.orEmpty())
        }
    }

    test("text is trimmed, and may be 2,000 characters long") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val heard = ann.received<Chat>("room/lobby")
            val longest = "x".repeat(2_000)

            ann.topic<Chat>("room/lobby").publish(Chat("  $longest\n"))

            heard.next().text shouldBe longest
        }
    }

    test("text that is empty or longer is refused, and nobody hears it") {
        testLive(Application::chat) {
            val ann = connect("/live?name=Ann")
            val heard = ann.received<Chat>("room/lobby")
            val room = ann.topic<Chat>("room/lobby")

            val refused =
                listOf("", " \n", "x".repeat(2_001)).map { text ->
                    shouldThrow<LiveException> { room.publish(Chat(text)) }
                }
            room.publish(Chat("hello"))

            refused.map { it.code }.distinct() shouldContainExactly listOf(ErrorCode.BadPayload)
            refused.map { it.reason } shouldContainExactly
                listOf("text is empty", "text is empty", "text is over 2000 characters")
            heard.next().text shouldBe "hello"
        }
    }

    for ((what, query) in listOf(
        "no name" to "",
        "a blank name" to "?name=%20",
        "41 characters" to "?name=${name(41)}",
    )) {
        test("who has $what is not let in") {
            testLive(Application::chat) {
                val cause = client("/live$query").awaitClosed()

                cause.shouldBeInstanceOf<DisconnectCause.UpgradeRefused>().status shouldBe 401
            }
        }
    }

    test("a name may be 40 characters long, of any script, and is trimmed") {
        testLive(Application::chat) {
            nameOf(name(40)) shouldBe name(40)
            nameOf(" Zoë 木 ") shouldBe "Zoë 木"
        }
    }
})

private fun name(length: Int) = "n".repeat(length)

/** How others see who connects as [name]. */
private suspend fun LiveTest.nameOf(name: String): String? {
    val client = connect("/live?name=${name.encodeURLParameter()}")
    val heard = client.received<Chat>("room/lobby")
    client.topic<Chat>("room/lobby").publish(Chat("hello"))
    return heard.next().from
}
