package dev.live.samples.tutorial

import dev.live.samples.tutorial.history.Chat
import dev.live.samples.tutorial.tokens.Tokens
import dev.live.samples.tutorial.tokens.chatWith
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.client.request.forms.submitForm
import io.ktor.http.HttpStatusCode
import io.ktor.http.parameters

class ChatTest : FunSpec({
    val tokens = Tokens("of a test")

    test("bob receives the message that ann publishes") {
        testLive({ chatWith(tokens) }) {
            val ann = connect { bearer { tokens.issue("ann") } }
            val bob = connect { bearer { tokens.issue("bob") } }
            val receivedByBob = bob.received<Chat>("room/lobby")
            ann.received<Chat>("room/lobby") // a publisher must be subscribed

            ann.topic<Chat>("room/lobby").publish(Chat("hello"))

            receivedByBob.next() shouldBe Chat("hello", from = "ann")
        }
    }

    test("a wrong password gets no token") {
        testLive({ chatWith(tokens) }) {
            val response = httpClient.submitForm("/login", parameters { append("name", "ann") })

            response.status shouldBe HttpStatusCode.Unauthorized
        }
    }
})
