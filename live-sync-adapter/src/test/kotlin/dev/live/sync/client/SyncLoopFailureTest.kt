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

    test("a pull that fails is shown with its cause, and tried again after the backoff, not sooner") {
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

    test("who asks for a pull, and a connection that is there again, need not wait for the backoff") {
        loopScene {
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

    test("a store that does not keep what it is given is an error, and not asked for again without a pause") {
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
                "the store says 0 after write(3)"
        }
    }

    test("the backoff begins anew after a pull that went well") {
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

    test("a pull that finds nothing though there is something is no success: it would be asked again without a pause") {
        loopScene {
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
        loopScene {
            store.write(5uL)
            answer = 4uL
            connect()
            signal(6uL)

            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "pull went back from 5 to 4"
            store.read() shouldBe 5uL
        }
    }

    test("a scope that is refused is polled all the same, says why, and is asked for again") {
        loopScene {
            connect()
            refusal = LiveException(ErrorCode.Forbidden, "not yours")
            signals.close()
            test.runCurrent()
            loop.state.value.shouldBeInstanceOf<SyncState.Offline>().cause?.message shouldBe refusal?.message
            signals = Channel(Channel.UNLIMITED)
            refusal = null
            server = 3uL
            signals.trySend(SyncSignal.Joined(3uL))
            pass(1_000)

            loop.state.value.shouldBeInstanceOf<SyncState.InSync>().cursor shouldBe 3uL
        }
    }

    test("a store that cannot be read is shown as a pull that failed is, and asked again") {
        loopScene {
            val kept = store
            server = 2uL
            store =
                object : CursorStore by kept {
                    override suspend fun read(): ULong = throw IOException("no disk")
                }
            connect()
            signal(2uL)
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "no disk"
            pulls.shouldBeEmpty()

            store = kept
            pass(2_000)
            loop.state.value shouldBe SyncState.InSync(2uL)
        }
    }

    test("what a store could not keep is pulled again") {
        loopScene {
            val kept = store
            server = 2uL
            store =
                object : CursorStore by kept {
                    override suspend fun write(cursor: ULong): Unit = throw IOException("disk full")
                }
            connect()
            signal(2uL)
            loop.state.value.shouldBeInstanceOf<SyncState.Failed>().cause.message shouldBe "disk full"

            store = kept
            pass(1_000)
            pulls shouldContainExactly listOf(0uL, 0uL)
            loop.state.value shouldBe SyncState.InSync(2uL)
        }
    }
})
