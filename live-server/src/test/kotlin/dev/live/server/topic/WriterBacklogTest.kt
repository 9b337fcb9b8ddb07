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

    test("await returns after each added subscriber's writer has run once") {
        runTest {
            val backlog = WriterBacklog()
            val subscribers = List(3) { WaitingSubscriber() }
            for (subscriber in subscribers + subscribers) backlog.add(subscriber)

            val waiting = async { backlog.await() }
            for (subscriber in subscribers) {
                runCurrent()
                waiting.isCompleted shouldBe false
                subscriber.writerRun.complete(Unit)
            }
            waiting.await()

            currentTime shouldBe 0
            backlog.isEmpty shouldBe true
            subscribers.map { it.waits } shouldBe listOf(1, 1, 1)
        }
    }

    test("await takes at most 20 ms and can be repeated") {
        runTest {
            val backlog = WriterBacklog()
            val subscriber = WaitingSubscriber()
            repeat(2) {
                backlog.add(subscriber)
                backlog.await()
            }

            currentTime shouldBe 40
            backlog.isEmpty shouldBe true
        }
    }
})

private class WaitingSubscriber : Subscriber("s") {
    val writerRun = CompletableDeferred<Unit>()
    var waits = 0

    override fun offer(message: PreparedMessage): Boolean = true

    override fun offer(batch: MessageBatch): Boolean = true

    override suspend fun awaitWriter() {
        waits++
        writerRun.await()
    }
}
