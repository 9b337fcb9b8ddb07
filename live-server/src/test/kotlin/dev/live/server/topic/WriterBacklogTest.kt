package dev.live.server.topic

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

@OptIn(ExperimentalCoroutinesApi::class)
class WriterBacklogTest : FunSpec({

    test("it waits until all that were added have had their turn, each of them once") {
        runTest {
            val turns = WriterBacklog()
            val subscribers = List(3) { WaitingSubscriber() }
            for (subscriber in subscribers + subscribers) turns.add(subscriber)

            val waiting = async { turns.await() }
            for (subscriber in subscribers) {
                runCurrent()
                waiting.isCompleted shouldBe false
                subscriber.turn.complete(Unit)
            }
            waiting.await()

            currentTime shouldBe 0
            turns.isEmpty shouldBe true
            subscribers.map { it.waits } shouldBe listOf(1, 1, 1)
        }
    }

    test("it waits for nobody longer than 20 ms, and can be used again") {
        runTest {
            val turns = WriterBacklog()
            val subscriber = WaitingSubscriber()
            repeat(2) {
                turns.add(subscriber)
                turns.await()
            }

            currentTime shouldBe 40
            turns.isEmpty shouldBe true
        }
    }
})

private class WaitingSubscriber : Subscriber("s") {
    val turn = CompletableDeferred<Unit>()
    var waits = 0

    override fun offer(message: PreparedMessage): Boolean = true

    override fun offer(run: MessageBatch): Boolean = true

    override suspend fun awaitWriter() {
        waits++
        turn.await()
    }
}
