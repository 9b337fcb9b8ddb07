package dev.live.client.topic

import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.connection.ConnectionState
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.protocol.CloseCode
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Delay
import kotlinx.coroutines.InternalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds

/** A publish that its caller gives up, whenever that is, leaves nothing behind; and one that the server cannot take. */
class CancelledPublishTest : FunSpec({

    test("before it was sent: it never is, and its room is free again") {
        clientTest {
            transport.isUnreachable = true
            settle()

            repeat(10) { manyCancelled() }
            transport.isUnreachable = false
            pass(1.seconds)

            transport.wire.sent(MessageType.PUBLISH).shouldBeEmpty()
            hasRoom()
        }
    }

    test("after it was sent and before its ack: the late ack is for nobody, and its room is free again") {
        clientTest {
            settle()
            transport.onMessage = { it.type == MessageType.PUBLISH }
            repeat(10) { manyCancelled() }
            val sent = transport.wire.sent(MessageType.PUBLISH)

            transport.onMessage = { false }
            sent.forEach(transport.wire::ack)
            settle()

            sent shouldHaveSize 640
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            hasRoom()
        }
    }

    test("in the moment of its ack: it counts as sent, and nothing else happens") {
        clientTest {
            settle()
            var isAcked = false
            transport.onMessage =
                { message ->
                    (message.type == MessageType.PUBLISH).also {
                        if (it) ack(message)
                        isAcked = isAcked || it
                    }
                }
            lateinit var publishing: Job
            val beforeItKnows = Before(scope.testDispatcher) { if (isAcked) publishing.cancel() }
            publishing = scope.backgroundScope.launch(beforeItKnows) { room().publish(hello) }
            settle()

            publishing.isCancelled shouldBe true // and not done before
            transport.wire.sent(MessageType.PUBLISH) shouldHaveSize 1
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            transport.onMessage = { false }
            hasRoom()
        }
    }

    test("while the connection breaks: it is not sent on the next") {
        clientTest {
            settle()
            transport.onMessage = { it.type == MessageType.PUBLISH }
            val publishing = publishing()
            transport.wire.cut()
            publishing.forEach { it.cancel() }
            pass(1.seconds)

            transport.wire.sent(MessageType.PUBLISH).shouldBeEmpty()
        }
    }

    test("a publish over the server's limit is told that the connection ended over it") {
        clientTest {
            settle()
            transport.onMessage =
                { message -> (message.type == MessageType.PUBLISH).also { if (it) cut(CloseCode.TooLarge) } }

            val lost = shouldThrow<ConnectionLostException> { room().publish(hello) }

            lost.reason shouldContain "the server closed over a message that was too large"
        }
    }

    test("a publishOnce over the server's limit is not sent again, or it would end every connection") {
        clientTest {
            settle()
            transport.onMessage =
                { message -> (message.type == MessageType.PUBLISH).also { if (it) cut(CloseCode.TooLarge) } }
            val publishing = start { shouldThrow<ConnectionLostException> { room().publishOnce("m-1", hello) } }
            pass(9.seconds)

            publishing.isCompleted shouldBe true
            transport.connections shouldHaveSize 2
        }
    }
})

private fun ClientFixture.publishing(): List<Job> =
    List(64) { scope.backgroundScope.launch { room().publish(hello) } }.also { settle() }

private fun ClientFixture.manyCancelled() {
    publishing().forEach { it.cancel() }
    settle()
}

/** All of the outbox. */
private fun ClientFixture.hasRoom() {
    repeat(64) { room().tryPublish(hello) shouldBe true }
    room().tryPublish(hello) shouldBe false
}

private val TestScope.testDispatcher: CoroutineDispatcher
    get() = coroutineContext[ContinuationInterceptor] as CoroutineDispatcher

/** Does [step] whenever a coroutine is about to go on that waited: what it waited for is there, unknown to it. */
@OptIn(InternalCoroutinesApi::class)
private class Before(private val dispatcher: CoroutineDispatcher, private val step: () -> Unit) :
    CoroutineDispatcher(),
    Delay by dispatcher as Delay {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        dispatcher.dispatch(context) {
            step()
            block.run()
        }
    }
}
