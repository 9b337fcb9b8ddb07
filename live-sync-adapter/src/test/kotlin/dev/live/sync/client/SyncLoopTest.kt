@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.sync.support.HANG_TIMEOUT
import dev.live.sync.support.loopScene
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.longs.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class SyncLoopTest : FunSpec({

    test("a client that is told a newer cursor pulls from its own, and is in sync") {
        loopScene {
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
        loopScene {
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
        loopScene {
            connect()
            joinUnknown()
            pulls shouldContainExactly listOf(0uL)

            connect()
            joinUnknown()
            pulls shouldContainExactly listOf(0uL, 0uL)
        }
    }

    test("signals that come while a pull runs make one more, and pulls never run at the same time") {
        loopScene {
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
        loopScene {
            page = 3uL
            server = 8uL
            connect()
            signal(8uL)

            pulls shouldContainExactly listOf(0uL, 3uL, 6uL)
            test.currentTime shouldBe 0
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 8uL
        }
    }

    test("a loop that has ended is not in sync any more, and not when it begins again either") {
        loopScene {
            connect()
            signal(0uL)
            loop.state.value shouldBe SyncState.InSync(0uL)
            running.cancelAndJoin()
            loop.state.value shouldBe SyncState.Offline(0uL)

            start()
            loop.state.value shouldBe SyncState.Offline(0uL)
        }
    }

    test("without a connection it pulls after two seconds, and then about once a minute") {
        loopScene {
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
        loopScene {
            connect()
            signal(0uL)
            server = 4uL // and nobody says so
            pass(72_100)

            store.read() shouldBe 4uL
        }
    }

    test("a connection that is lost is shown, and the next one is not live before it has said where the scope stands") {
        loopScene {
            connect()
            signal(0uL)
            loop.state.test(timeout = HANG_TIMEOUT) {
                awaitItem().shouldBeInstanceOf<SyncState.InSync>()
                disconnect()
                awaitItem().shouldBeInstanceOf<SyncState.Offline>()
                connect()
                expectNoEvents()
                server = 2uL
                signal(2uL)
                expectMostRecentItem().shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 2uL
            }
        }
    }

    test("a message that comes late from the connection before makes the new one no live one") {
        loopScene {
            connect()
            signal(0uL)
            disconnect()
            connect()
            signals.trySend(SyncSignal.Told(0uL))
            test.runCurrent()

            loop.state.value shouldBe SyncState.Offline(0uL)
        }
    }

    test("a client that is told of more is behind, pulls, and is in sync") {
        loopScene {
            connect()
            signal(0uL)
            loop.state.test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe SyncState.InSync(0uL)
                server = 2uL
                signals.trySend(SyncSignal.Told(2uL))
                awaitItem().shouldBeInstanceOf<SyncState.Behind>().target shouldBe 2uL
                awaitItem().shouldBeInstanceOf<SyncState.Pulling>().target shouldBe 2uL
                awaitItem() shouldBe SyncState.InSync(2uL)
            }
        }
    }

    test("a loop that runs does not run once more at the same time") {
        loopScene {
            shouldThrow<IllegalStateException> { loop.run() }.message shouldBe
                "the loop of scope 's' runs already; make another one"
            running.isActive shouldBe true
        }
    }

    test("a button that says refresh pulls now, and once more after the pull that runs") {
        loopScene {
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
        loopScene {
            server = ULong.MAX_VALUE
            store.write(ULong.MAX_VALUE - 1uL)
            connect()
            signal(ULong.MAX_VALUE)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe ULong.MAX_VALUE
        }
    }

    test("a poll of no time is refused") {
        val link = SyncLink(flow {}, MutableStateFlow(ConnectionState.Connecting(0)))
        shouldThrow<IllegalArgumentException> {
            SyncLoop("s", MemoryCursor(), Duration.ZERO, { null }, link, Random(1), TimeSource.Monotonic) { it }
        }.message shouldBe "poll must be positive, was 0s"
    }
})
