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

    test("a newer cursor causes a pull from the stored cursor, and the loop is in sync") {
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

    test("a cursor that is not newer causes no pull") {
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

    test("an ack without a cursor causes one pull per subscribe") {
        loopScene {
            connect()
            subscribeWithoutCursor()
            pulls shouldContainExactly listOf(0uL)

            connect()
            subscribeWithoutCursor()
            pulls shouldContainExactly listOf(0uL, 0uL)
        }
    }

    test("signals during a pull cause exactly one more pull, and pulls never overlap") {
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
            maxConcurrentPulls shouldBe 1
            store.read() shouldBe 9uL
        }
    }

    test("a partial pull is immediately followed by another") {
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

    test("a cancelled loop is offline, also when it starts again") {
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

    test("without a connection it polls after about two seconds, and then about once a minute") {
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

    test("it polls while in sync, so that a lost signal does not lose changes") {
        loopScene {
            connect()
            signal(0uL)
            server = 4uL // without a signal
            pass(72_100)

            store.read() shouldBe 4uL
        }
    }

    test("a lost connection is reported, and the next one is in sync only after its ack") {
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

    test("a late message of the previous connection does not count as an ack of the new one") {
        loopScene {
            connect()
            signal(0uL)
            disconnect()
            connect()
            signals.trySend(SyncSignal.Advanced(0uL))
            test.runCurrent()

            loop.state.value shouldBe SyncState.Offline(0uL)
        }
    }

    test("a newer cursor leads from InSync over Behind and Pulling to InSync") {
        loopScene {
            connect()
            signal(0uL)
            loop.state.test(timeout = HANG_TIMEOUT) {
                awaitItem() shouldBe SyncState.InSync(0uL)
                server = 2uL
                signals.trySend(SyncSignal.Advanced(2uL))
                awaitItem().shouldBeInstanceOf<SyncState.Behind>().target shouldBe 2uL
                awaitItem().shouldBeInstanceOf<SyncState.Pulling>().target shouldBe 2uL
                awaitItem() shouldBe SyncState.InSync(2uL)
            }
        }
    }

    test("running a loop twice at the same time fails") {
        loopScene {
            shouldThrow<IllegalStateException> { loop.run() }.message shouldBe
                "the sync loop of scope 's' is already running; create another SyncLoop"
            running.isActive shouldBe true
        }
    }

    test("pullNow pulls immediately, and once more after a running pull") {
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

    test("the largest cursor is handled like any other") {
        loopScene {
            server = ULong.MAX_VALUE
            store.write(ULong.MAX_VALUE - 1uL)
            connect()
            signal(ULong.MAX_VALUE)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe ULong.MAX_VALUE
        }
    }

    test("a poll interval of zero is rejected") {
        val link = SyncLink(flow {}, MutableStateFlow(ConnectionState.Connecting(0)))
        shouldThrow<IllegalArgumentException> {
            SyncLoop("s", MemoryCursor(), Duration.ZERO, { null }, link, Random(1), TimeSource.Monotonic) { it }
        }.message shouldBe "poll must be positive, was 0s"
    }
})
