package dev.live.client.topic

import dev.live.protocol.Message
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

@OptIn(ExperimentalCoroutinesApi::class)
class OutboxTest : FunSpec({

    test("a new message does not overtake waiting messages when space is free again") {
        runTest {
            val outbox = Outbox(OutboxCapacity(messages = 2, bytes = 1_000))
            for (type in listOf("a", "b", "waited")) launch { outbox.put(letter(type)) }
            runCurrent()

            val taken = mutableListOf(outbox.tryTake()?.type, outbox.tryTake()?.type)
            outbox.put(letter("later")) // "waited" has been resumed, but has not run yet
            repeat(2) { taken += outbox.tryTake()?.type }

            taken shouldContainExactly listOf("a", "b", "waited", "later")
        }
    }

    test("a message is sent once if another one is queued before it during take") {
        runTest {
            val outbox = Outbox(OutboxCapacity(messages = 2, bytes = 1_000))
            val empty =
                Outgoing {
                    outbox.addControlBeforeSends(listOf(Outgoing { Message("control") }))
                    null
                }
            val before = ArrayDeque<Outgoing>(listOf(empty))
            outbox.prerequisite = { before.removeFirstOrNull() }
            outbox.put(letter("a"))

            val taken = List(3) { outbox.tryTake()?.type }

            taken shouldContainExactly listOf("control", "a", null)
        }
    }
})

private fun letter(type: String) = PendingSend(Message(type), expectsReply = false, PendingReplies())
