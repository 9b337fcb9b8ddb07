@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.LiveClient
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.protocol.Body
import dev.live.protocol.ErrorData
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.seconds

/**
 * Text with an unpaired surrogate, such as `"ab🌸".take(3)`. UTF-8 cannot encode it, so the client rejects it at the
 * call of the application, and the connection is not affected.
 */
class UnencodableTextTest : FunSpec({

    test("subscribe params are rejected at the call, and the connection and other topics continue") {
        clientTest {
            val other = collect(room().messages)

            val collecting = start { client.topic<Chat>("devices").withParams(Device(cut)).messages.collect {} }
            pass(60.seconds)

            val failure = collecting.getCompletionExceptionOrNull().shouldBeInstanceOf<IllegalArgumentException>()
            failure.message shouldContain "unpaired surrogate"
            transport.connections.size shouldBe 1
            serverPublishes("room", hello)
            other.awaitItem() shouldBe hello
            other.cancel()
        }
    }

    test("payloads are rejected at the call") {
        clientTest {
            settle()
            shouldThrow<MalformedMessageException> { room().publish(Chat("ann", cut)) }
            shouldThrow<MalformedMessageException> { room().publishOnce("key", Chat("ann", cut)) }
            shouldThrow<MalformedMessageException> { room().tryPublish(Chat("ann", cut)) }
            shouldThrow<MalformedMessageException> { client.request<String, Int>("count", cut) }

            pass(20.seconds)
            transport.wire.received.shouldBeEmpty()
        }
    }

    test("names, types and keys are rejected at the call") {
        clientTest {
            settle()
            shouldThrow<IllegalArgumentException> { client.topic<Chat>(cut) }
            shouldThrow<IllegalArgumentException> { client.request<Int, Int>(cut, 7) }
            shouldThrow<IllegalArgumentException> { client.request<Int, Int>("count", 7, key = cut) }
            shouldThrow<IllegalArgumentException> { room().publishOnce(cut, hello) }
            shouldThrow<IllegalArgumentException> { client.onRequest<Int, Int>(cut) { it } }
            shouldThrow<IllegalArgumentException> { client.send(Message(cut)) }

            pass(20.seconds)
            transport.wire.received.shouldBeEmpty()
        }
    }

    test("headers are rejected when they are set, and the message omits the value") {
        for ((name, value) in listOf(
            "X-Name" to cut,
            "X-Name" to "secret\nX-Admin: yes",
            "X-Name" to "Zoë",
            "X Name" to "a",
            "" to "a",
            cut to "a",
        )) {
            val rejected =
                shouldThrow<IllegalArgumentException> { LiveClient("ws://127.0.0.1:1/live") { header(name, value) } }

            rejected.message shouldContain "header"
            rejected.message.orEmpty().contains("secret") shouldBe false
        }
    }

    test("a trace is rejected at the call") {
        clientTest({ trace { cut } }) {
            settle()
            shouldThrow<IllegalArgumentException> { room().publish(hello) }
            shouldThrow<IllegalArgumentException> { room().tryPublish(hello) }
        }
    }

    test("a reply that cannot be encoded becomes internal and goes to the uncaught exception handler") {
        val uncaught = mutableListOf<Throwable>()
        clientTest({ context += CoroutineExceptionHandler { _, e -> uncaught += e } }) {
            client.onRequest<Int, String>("ask") { cut }

            serverRequests("ask", "$1")

            errors().map { it.code } shouldContainExactly listOf("internal")
            uncaught.map { it::class } shouldContainExactly listOf(MalformedMessageException::class)
            serverRequests("ask", "$2")
            errors().size shouldBe 2
        }
    }

    test("a rejection with an unpaired surrogate in its reason reaches the server with a repaired reason") {
        clientTest {
            client.onRequest<Int, String>("ask") { reject("half $cut") }

            serverRequests("ask", "$1")

            val rejection = errors().single()
            rejection.code shouldBe "bad_payload"
            rejection.reason shouldStartWith "half ab"
            transport.connections.size shouldBe 1
        }
    }
})

@Serializable
private class Device(val name: String)

private val cut = "ab🌸".take(3)

private fun ClientFixture.serverRequests(type: String, ref: String) {
    settle()
    transport.wire.push(Message(type, "", ref, Body.of(7)))
    settle()
}

private fun ClientFixture.errors(): List<ErrorData> = transport.wire.sent(MessageType.ERROR).map { it.decode() }
