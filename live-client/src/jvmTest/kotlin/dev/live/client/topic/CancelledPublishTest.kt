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

/** A cancelled publish releases its outbox space at any time. Also tests publishes over the server's limit. */
class CancelledPublishTest : FunSpec({

    test("cancelled before it is sent: it is never sent, and its space is free again") {
        clientTest {
            transport.isUnreachable = true
            settle()

            repeat(10) { publishAndCancelMany() }
            transport.isUnreachable = false
            pass(1.seconds)

            transport.wire.sent(MessageType.PUBLISH).shouldBeEmpty()
            assertOutboxEmpty()
        }
    }

    test("cancelled after it is sent: the late ack is ignored, and its space is free again") {
        clientTest {
            settle()
            transport.onMessage = { it.type == MessageType.PUBLISH }
            repeat(10) { publishAndCancelMany() }
            val sent = transport.wire.sent(MessageType.PUBLISH)

            transport.onMessage = { false }
            sent.forEach(transport.wire::ack)
            settle()

            sent shouldHaveSize 640
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            assertOutboxEmpty()
        }
    }

    test("cancelled when the ack arrives: nothing else happens") {
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
            val cancelOnAck = RunBefore(scope.testDispatcher) { if (isAcked) publishing.cancel() }
            publishing = scope.backgroundScope.launch(cancelOnAck) { room().publish(hello) }
            settle()

            publishing.isCancelled shouldBe true // and not completed before
            transport.wire.sent(MessageType.PUBLISH) shouldHaveSize 1
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            transport.onMessage = { false }
            assertOutboxEmpty()
        }
    }

    test("cancelled when the connection is lost: it is not sent on the next connection") {
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

    test("a publish over the server's limit fails with the reason of the close") {
        clientTest {
            settle()
            transport.onMessage =
                { message -> (message.type == MessageType.PUBLISH).also { if (it) cut(CloseCode.TooLarge) } }

            val lost = shouldThrow<ConnectionLostException> { room().publish(hello) }

            lost.reason shouldContain "the server closed because of a message that was too large"
        }
    }

    test("a publishOnce over the server's limit is not resent, because it would end every connection") {
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

private fun ClientFixture.publishAndCancelMany() {
    publishing().forEach { it.cancel() }
    settle()
}

/** Checks that the whole outbox is free. */
private fun ClientFixture.assertOutboxEmpty() {
    repeat(64) { room().tryPublish(hello) shouldBe true }
    room().tryPublish(hello) shouldBe false
}

private val TestScope.testDispatcher: CoroutineDispatcher
    get() = coroutineContext[ContinuationInterceptor] as CoroutineDispatcher

/** Runs [step] before each resumption of a suspended coroutine: its result is available, but not yet received. */
@OptIn(InternalCoroutinesApi::class)
private class RunBefore(private val dispatcher: CoroutineDispatcher, private val step: () -> Unit) :
    CoroutineDispatcher(),
    Delay by dispatcher as Delay {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        dispatcher.dispatch(context) {
            step()
            block.run()
        }
    }
}
