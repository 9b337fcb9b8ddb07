package dev.live.client.topic

import dev.live.protocol.Message
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestResult
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

@OptIn(ExperimentalCoroutinesApi::class)
class OutboxOrderTest {
    @Test
    fun `messages leave in order, and put suspends while the outbox is full`(): TestResult =
        runTest {
            val outbox = Outbox(OutboxCapacity(messages = 2, bytes = 1_000))
            for (type in listOf("a", "b", "c")) launch { outbox.put(letter(type)) }
            runCurrent()

            val taken = List(3) { outbox.tryTake()?.type.also { runCurrent() } }

            assertEquals(listOf<String?>("a", "b", "c"), taken)
            assertNull(outbox.tryTake())
        }

    @Test
    fun `end fails waiting and later messages`(): TestResult =
        runTest {
            val outbox = Outbox(OutboxCapacity(messages = 1, bytes = 1_000))
            val waiting = letter("waiting")
            outbox.put(waiting)

            outbox.close(ClientClosedException("closed by the test"))

            assertFailsWith<ClientClosedException> { waiting.await() }
            assertFailsWith<ClientClosedException> { outbox.put(letter("late")) }
            assertNull(outbox.tryTake())
        }
}

private fun letter(type: String) = PendingSend(Message(type), expectsReply = false, PendingReplies())
