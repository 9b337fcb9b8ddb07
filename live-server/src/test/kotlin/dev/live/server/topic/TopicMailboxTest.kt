@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.server.broker.LocalBroker
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.amount
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.asExecutor
import kotlinx.coroutines.cancel
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes

class TopicMailboxTest : FunSpec({

    test("events of concurrent emitters are handled one at a time, each emitter's in order, and none is lost")
        .config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) { round ->
                    val scope = CoroutineScope(Dispatchers.Default + Job())
                    val mailbox = TestMailbox(scope, buffer = 1 + round % 5, isMoving = true)

                    List(EMITTERS) { emitter ->
                        launch { repeat(EVENTS) { mailbox.add(prepared(textMessage("$emitter:$it"))) } }
                    }.joinAll()
                    val last = Inspect({}, CompletableDeferred())
                    mailbox.add(last)
                    last.done.await()

                    val handled = mailbox.handled.filterIsInstance<PreparedMessage>().map { it.text() }
                    for (emitter in 0 until EMITTERS) {
                        handled.filter { it.startsWith("$emitter:") } shouldContainExactly
                            List(EVENTS) { "$emitter:$it" }
                    }
                    mailbox.overlaps.get() shouldBe 0
                    mailbox.lastWithWaiting.get() shouldBe 0
                    scope.cancel()
                }
            }
        }

    test("an emitter waits while the buffer is full, and one that is cancelled meanwhile adds no event") {
        runTest {
            val mailbox = TestMailbox(backgroundScope, buffer = 1)
            val loop = FakeLoop().also { mailbox.loop = it }
            val messages = List(4) { prepared(textMessage("$it")) }
            mailbox.add(messages[0])
            val emitters = messages.drop(1).map { launch(start = CoroutineStart.UNDISPATCHED) { mailbox.add(it) } }

            emitters[1].cancel()
            runCurrent()
            emitters.map { it.isActive } shouldContainExactly listOf(true, false, true)
            loop.end()
            runCurrent()

            mailbox.handled shouldContainExactly listOf(messages[0], messages[1], messages[3])
            emitters.map { it.isActive } shouldContainExactly listOf(false, false, false)
        }
    }

    test("an event emitted while another is handled follows it, also from the same thread") {
        runTest {
            val mailbox = TestMailbox(backgroundScope)
            val messages = List(2) { prepared(textMessage("$it")) }
            val first = Inspect({ mailbox.offer(messages[1]) }, CompletableDeferred())

            mailbox.add(first)
            mailbox.add(messages[0])

            mailbox.handled shouldContainExactly listOf(first, messages[1], messages[0])
        }
    }

    test("events are discarded after the end of the server, and an inspection does not wait for it") {
        runTest {
            for (isLeaving in listOf(false, true)) {
                val scope = CoroutineScope(coroutineContext + Job())
                val mailbox = TestMailbox(scope)
                mailbox.isLeaving = isLeaving
                val before = prepared(textMessage("before"))
                mailbox.add(before)
                val waiting = Inspect({ error("must not run") }, CompletableDeferred())
                if (isLeaving) mailbox.add(waiting)

                scope.cancel()
                mailbox.add(prepared(textMessage("after")))
                val late = Inspect({ error("must not run") }, CompletableDeferred())
                mailbox.add(late)
                runCurrent()

                late.done.isCompleted shouldBe true
                waiting.done.isCompleted shouldBe isLeaving
                mailbox.handled shouldContainExactly listOf(before)
            }
        }
    }
})

private val ROUNDS = amount(50, 500)
private const val EMITTERS = 4
private const val EVENTS = 200

private fun PreparedMessage.text(): String = frameFor(0).payload().decodeToString()

/** A mailbox that records its events, and [isMoving] passes its turn to other threads at random. */
private class TestMailbox(scope: CoroutineScope, buffer: Int = 64, private val isMoving: Boolean = false) :
    TopicMailbox(
        TopicRuntime(scope, DialectTable(listOf(FakeCodec())), buffer, broker = LocalBroker { 0 }) { 0 },
    ) {
    val handled = ArrayList<TopicEvent>()
    val overlaps = AtomicInteger()
    val lastWithWaiting = AtomicInteger()
    var loop: ReadLoop? = null
    var isLeaving = false
    private val active = AtomicInteger()
    private var wasLast = true

    suspend fun add(event: TopicEvent) = emit(event)

    fun offer(event: TopicEvent) = tryEmit(event)

    override fun handle(event: TopicEvent, isLast: Boolean) {
        if (active.getAndIncrement() > 0) overlaps.incrementAndGet()
        handled += event
        // a message that is not the last one is followed by another, possibly after other events
        if (event is PreparedMessage) wasLast = isLast
        if (event is Inspect) {
            if (!wasLast) lastWithWaiting.incrementAndGet()
            event.block(SubscriberSet())
            event.done.complete(Unit)
        }
        active.decrementAndGet()
    }

    override fun loopForTurn(): ReadLoop? =
        if (isMoving && Random.nextInt(3) == 0) ReadLoop { Dispatchers.Default.asExecutor().execute(it) } else loop

    override fun mustLeave(): Boolean = isLeaving || (isMoving && Random.nextInt(10) == 0)

    override suspend fun awaitNext() = yield()
}

/** A read loop that ends its read when the test calls [end]. */
private class FakeLoop : ReadLoop {
    private val tasks = ArrayDeque<Runnable>()

    override fun runAfterRead(task: Runnable) {
        tasks += task
    }

    fun end() {
        while (true) (tasks.removeFirstOrNull() ?: return).run()
    }
}
