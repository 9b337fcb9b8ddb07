@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.client

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.sync.support.loopScene
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.test.runCurrent
import java.io.IOException
import kotlin.time.Duration.Companion.seconds

class SyncLoopFailureTest : FunSpec({

    test("a failed pull is reported with its cause and retried after the backoff, not earlier") {
        loopScene {
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

    test("pullNow and a reconnect skip the backoff") {
        loopScene {
            connect()
            repeat(5) { failures += IOException("502") }
            server = 1uL
            signal(1uL)
            pass(1_000)
            pulls.size shouldBe 2
            pass(10)
            signal(2uL) // a signal does not skip the backoff
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

    test("pullNow and a reconnect during a pull that fails skip the backoff as well") {
        loopScene {
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

    test("a store that drops a write is an error, and the retry waits for the backoff") {
        loopScene {
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
                "the store returned cursor 0 after write(3)"
        }
    }

    test("a successful pull resets the backoff") {
        loopScene {
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

    test("a pull that returns no changes below the known target counts as failed and backs off") {
        loopScene {
            connect()
            signal(5uL) // the replica lags

            pulls.size shouldBe 1
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe
                "pull returned no changes after cursor 0, but the scope is at 5"
            server = 5uL
            pass(1_000)
            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 5uL
        }
    }

    test("a pull that returns a lower cursor is an error, and the cursor is kept") {
        loopScene {
            store.write(5uL)
            pullResult = 4uL
            connect()
            signal(6uL)

            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe
                "pull returned cursor 4, which is below 5"
            store.read() shouldBe 5uL
        }
    }

    test("a rejected scope reports the cause, and the loop subscribes again after the backoff") {
        loopScene {
            connect()
            rejection = LiveException(ErrorCode.Forbidden, "not yours")
            signals.close()
            test.runCurrent()
            loop.state.value.shouldBeInstanceOf<SyncState.Offline>().cause?.message shouldBe rejection?.message
            signals = Channel(Channel.UNLIMITED)
            rejection = null
            server = 3uL
            signals.trySend(SyncSignal.Subscribed(3uL))
            pass(1_000)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 3uL
        }
    }

    test("a failed read of the store is reported as a failed pull and retried") {
        loopScene {
            val working = store
            server = 2uL
            store =
                object : CursorStore by working {
                    override suspend fun read(): ULong = throw IOException("no disk")
                }
            connect()
            signal(2uL)
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "no disk"
            pulls.shouldBeEmpty()

            store = working
            pass(2_000)
            loop.state.value shouldBe SyncState.InSync(2uL)
        }
    }

    test("changes are pulled again after a failed write of the store") {
        loopScene {
            val working = store
            server = 2uL
            store =
                object : CursorStore by working {
                    override suspend fun write(cursor: ULong): Unit = throw IOException("disk full")
                }
            connect()
            signal(2uL)
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "disk full"

            store = working
            pass(1_000)
            pulls shouldContainExactly listOf(0uL, 0uL)
            loop.state.value shouldBe SyncState.InSync(2uL)
        }
    }
})
