@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.longs.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.IOException
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class SyncLoopTest : FunSpec({

    test("a client that is told a newer cursor pulls from its own, and is in sync") {
        scene {
            server = 7uL
            store.write(3uL)
            connect()
            signal(7uL)

            pulls shouldContainExactly listOf(3uL)
            store.read() shouldBe 7uL
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 7uL
        }
    }

    test("a client that is told what it has pulls nothing") {
        scene {
            store.write(7uL)
            connect()
            signal(7uL)
            signal(2uL)
            pass(47_000)

            pulls.shouldBeEmpty()
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>()
        }
    }

    test("where the server does not know the cursor the client pulls once, at each join") {
        scene {
            connect()
            signals.trySend(SyncSignal.Unknown)
            test.runCurrent()
            pulls shouldContainExactly listOf(0uL)

            connect()
            signals.trySend(SyncSignal.Unknown)
            test.runCurrent()
            pulls shouldContainExactly listOf(0uL, 0uL)
        }
    }

    test("signals that come while a pull runs make one more, and pulls never run at the same time") {
        scene {
            connect()
            server = 1uL
            val first = hold()
            signal(1uL)
            loop.state.value.shouldBeInstanceOf<SyncState.Pulling>().target shouldBe 1uL
            for (cursor in 2uL..9uL) signal(cursor)
            pulls.size shouldBe 1

            server = 9uL
            release(first)

            pulls shouldContainExactly listOf(0uL, 1uL)
            mostAtOnce shouldBe 1
            store.read() shouldBe 9uL
        }
    }

    test("a pull that gets a part of what there is, is followed by another at once") {
        scene {
            page = 3uL
            server = 8uL
            connect()
            signal(8uL)

            pulls shouldContainExactly listOf(0uL, 3uL, 6uL)
            test.currentTime shouldBe 0
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 8uL
        }
    }

    test("a pull that fails is shown with its cause, and tried again after the backoff, not sooner") {
        scene {
            connect()
            server = 1uL
            failures += IOException("502")
            failures += IOException("503")
            signal(1uL)
            val failed = loop.state.value.shouldBeInstanceOf<SyncState.Failed>()
            failed.cause.message shouldBe "502"
            failed.delay shouldBe 1.seconds
            failed.cursor shouldBe 0uL

            signal(2uL)
            pass(999)
            pulls.size shouldBe 1
            pass(1)
            pulls.size shouldBe 2
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().delay shouldBe 2.seconds
            server = 2uL
            pass(2_000)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 2uL
        }
    }

    test("who asks for a pull, and a connection that is there again, need not wait for the backoff") {
        scene {
            connect()
            repeat(5) { failures += IOException("502") }
            server = 1uL
            signal(1uL)
            pass(1_000)
            pulls.size shouldBe 2
            pass(10)
            signal(2uL) // knows no better
            pulls.size shouldBe 2

            loop.pullNow()
            test.runCurrent()
            pulls.size shouldBe 3
            disconnect()
            pass(10)
            pulls.size shouldBe 3
            connect()
            signal(2uL)
            pulls.size shouldBe 4
        }
    }

    test("a wish, and a connection, that came while the pull ran that failed count as well") {
        scene {
            connect()
            val hanging = hold()
            server = 1uL
            signal(1uL)
            failures += IOException("timeout")
            loop.pullNow()
            release(hanging)
            pulls.size shouldBe 2

            loop.state.value shouldBe SyncState.InSync(1uL)
            val next = hold()
            server = 2uL
            signal(2uL)
            failures += IOException("timeout")
            disconnect()
            connect()
            signal(2uL)
            release(next)
            loop.state.value shouldBe SyncState.InSync(2uL)
        }
    }

    test("a store that does not keep what it is given is an error, and not asked for again without a pause") {
        scene {
            store = MemoryCursor().let { real ->
                object : CursorStore by real {
                    override suspend fun write(cursor: ULong) = Unit
                }
            }
            server = 3uL
            connect()
            signal(3uL)

            pulls.size shouldBe 1
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe
                "the store says 0 after write(3)"
        }
    }

    test("a loop that has ended is not in sync any more, and not when it begins again either") {
        scene {
            connect()
            signal(0uL)
            loop.state.value shouldBe SyncState.InSync(0uL)
            running.cancelAndJoin()
            loop.state.value shouldBe SyncState.Offline(0uL)

            start()
            loop.state.value shouldBe SyncState.Offline(0uL)
        }
    }

    test("the backoff begins anew after a pull that went well") {
        scene {
            connect()
            server = 1uL
            failures += IOException("502")
            signal(1uL)
            pass(1_000)
            failures += IOException("502")
            server = 2uL
            signal(2uL)

            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().delay shouldBe 1.seconds
        }
    }

    test("a pull that finds nothing though there is something is no success: it would be asked again without a pause") {
        scene {
            connect()
            signal(5uL) // a replica that is behind

            pulls.size shouldBe 1
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe
                "pull found nothing after 0, though the scope is at 5"
            server = 5uL
            pass(1_000)
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 5uL
        }
    }

    test("a pull that goes back is an error, and the cursor stays") {
        scene {
            store.write(5uL)
            answer = 4uL
            connect()
            signal(6uL)

            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "pull went back from 5 to 4"
            store.read() shouldBe 5uL
        }
    }

    test("without a connection it pulls after two seconds, and then about once a minute") {
        scene {
            pass(1_599)
            pulls.shouldBeEmpty()
            loop.state.value.shouldBeInstanceOf<SyncState.Offline>().cause shouldBe null
            pass(801)
            pulls.size shouldBe 1

            val at = mutableListOf<Long>()
            repeat(20) {
                val before = pulls.size
                val start = test.currentTime
                while (pulls.size == before) pass(100)
                at += test.currentTime - start
            }
            at.forEach { it shouldBeInRange 47_000L..72_200L }
            at.distinct().size shouldBeGreaterThan 5 // jittered
        }
    }

    test("in sync it still polls: a signal that was lost is not lost for good") {
        scene {
            connect()
            signal(0uL)
            server = 4uL // and nobody says so
            pass(72_100)

            store.read() shouldBe 4uL
        }
    }

    test("a connection that is lost is shown, and the next one is not live before it has said where the scope stands") {
        scene {
            connect()
            signal(0uL)
            loop.state.test {
                awaitItem().shouldBeInstanceOf<SyncState.InSync>()
                disconnect()
                awaitItem().shouldBeInstanceOf<SyncState.Offline>()
                connect()
                expectNoEvents()
                server = 2uL
                signals.trySend(SyncSignal.At(2uL))
                test.runCurrent()
                expectMostRecentItem().shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 2uL
            }
        }
    }

    test("a scope that is refused is polled all the same, says why, and is asked for again") {
        scene {
            connect()
            refusal = LiveException(ErrorCode.Forbidden, "not yours")
            signals.close()
            test.runCurrent()
            loop.state.value.shouldBeInstanceOf<SyncState.Offline>().cause?.message shouldBe refusal?.message
            signals = Channel(Channel.UNLIMITED)
            refusal = null
            server = 3uL
            signals.trySend(SyncSignal.At(3uL))
            pass(1_000)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 3uL
        }
    }

    test("a button that says refresh pulls now, and once more after the pull that runs") {
        scene {
            connect()
            signal(0uL)
            loop.pullNow()
            test.runCurrent()
            pulls.size shouldBe 1
            val running = hold()
            loop.pullNow()
            test.runCurrent()
            loop.pullNow()
            release(running)

            pulls.size shouldBe 3
        }
    }

    test("the largest cursor of all is one like any other") {
        scene {
            server = ULong.MAX_VALUE
            store.write(ULong.MAX_VALUE - 1uL)
            connect()
            signal(ULong.MAX_VALUE)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe ULong.MAX_VALUE
        }
    }

    test("a store that cannot be read ends the loop with its own error") {
        runTest {
            val broken =
                object : CursorStore {
                    override suspend fun read(): ULong = throw IOException("disk")

                    override suspend fun write(cursor: ULong) = Unit
                }
            val link = SyncLink(flow {}, MutableStateFlow(ConnectionState.Connecting(0)))
            val loop =
                SyncLoop("s", broken, 60.seconds, ReconnectPolicy { null }, link, Random(1), testTimeSource) { it }

            shouldThrow<IOException> { loop.run() }.message shouldBe "disk"
        }
    }

    test("a poll of no time is refused") {
        val link = SyncLink(flow {}, MutableStateFlow(ConnectionState.Connecting(0)))
        shouldThrow<IllegalArgumentException> {
            SyncLoop(
                "s",
                MemoryCursor(),
                Duration.ZERO,
                ReconnectPolicy {
                    null
                },
                link,
                Random(1),
                TimeSource.Monotonic,
            ) { it }
        }.message shouldBe "poll must be positive, was 0s"
    }
})

private fun scene(block: suspend Scene.() -> Unit) {
    runTest {
        val scene = Scene(this)
        scene.start()
        scene.block()
    }
}

/** A loop with a link that says what the test has it say, and a server that is at [server]. */
private class Scene(val test: TestScope) {
    var store: CursorStore = MemoryCursor()
    lateinit var running: Job
    val pulls = mutableListOf<ULong>()
    val failures = ArrayDeque<Exception>()
    var server = 0uL
    var page = ULong.MAX_VALUE
    var answer: ULong? = null
    var refusal: Exception? = null
    var signals = Channel<SyncSignal>(Channel.UNLIMITED)
    var mostAtOnce = 0
    private var atOnce = 0
    private var held: CompletableDeferred<Unit>? = null
    private val connection = MutableStateFlow<ConnectionState>(ConnectionState.Connecting(0))
    private val link =
        SyncLink(
            flow {
                for (signal in signals) emit(signal)
                refusal?.let { throw it }
            },
            connection,
        )
    private val backoff = ReconnectPolicy { attempt -> (attempt + 1).seconds }
    val loop = SyncLoop("s", Stored(), 60.seconds, backoff, link, Random(3), test.testTimeSource) { pull(it) }

    fun start() {
        running = test.backgroundScope.launch { loop.run() }
        test.runCurrent()
    }

    private inner class Stored : CursorStore {
        override suspend fun read(): ULong = store.read()

        override suspend fun write(cursor: ULong) = store.write(cursor)
    }

    private suspend fun pull(since: ULong): ULong {
        pulls += since
        mostAtOnce = maxOf(mostAtOnce, ++atOnce)
        val found = answer ?: minOf(server, if (page > ULong.MAX_VALUE - since) server else since + page)
        try {
            held?.await()
            failures.removeFirstOrNull()?.let { throw it }
            return found
        } finally {
            atOnce--
        }
    }

    fun connect() {
        connection.value = ConnectionState.Connected(test.testTimeSource.markNow(), "live.v1.json")
        test.runCurrent()
    }

    fun disconnect() {
        val until = test.testTimeSource.markNow()
        connection.value = ConnectionState.Waiting(1, 1.seconds, until, DisconnectCause.Silent(60.seconds))
        test.runCurrent()
    }

    fun signal(cursor: ULong) {
        signals.trySend(SyncSignal.At(cursor))
        test.runCurrent()
    }

    fun hold() = CompletableDeferred<Unit>().also { held = it }

    fun release(pull: CompletableDeferred<Unit>) {
        held = null
        pull.complete(Unit)
        test.runCurrent()
    }

    fun pass(millis: Long) {
        test.advanceTimeBy(millis)
        test.runCurrent()
    }
}
