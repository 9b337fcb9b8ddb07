@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.comparables.shouldBeGreaterThanOrEqualTo
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class CursorNotifierTest : FunSpec({

    test("the first cursor is told at once, the next when the interval is over, and then the newest") {
        runTest {
            val told = Told(this)
            told.notify("a", 1uL)
            runCurrent()
            told.all shouldContainExactly listOf(Telling("a", 1uL, 0))

            told.notify("a", 2uL)
            advanceTimeBy(20)
            told.notify("a", 3uL)
            told.notify("a", 2uL)
            advanceTimeBy(29)
            runCurrent()
            told.all.size shouldBe 1
            advanceTimeBy(1)
            runCurrent()

            told.all.last() shouldBe Telling("a", 3uL, 50)
        }
    }

    test("nobody is woken by each call while scopes are being told of, and again after a quiet time") {
        runTest {
            val told = Told(this)
            told.notify("a", 1uL)
            runCurrent()
            told.notify("b", 1uL)
            runCurrent()
            told.all.size shouldBe 1
            advanceTimeBy(3)
            told.all.last() shouldBe Telling("b", 1uL, 2)

            advanceTimeBy(1_000)
            told.notify("c", 1uL)
            runCurrent()
            told.all.last() shouldBe Telling("c", 1uL, 1_003)
        }
    }

    test("after a quiet time a cursor is told at once again") {
        runTest {
            val told = Told(this)
            told.notify("a", 1uL)
            advanceTimeBy(1_000)
            told.notify("a", 2uL)
            runCurrent()

            told.all.last() shouldBe Telling("a", 2uL, 1_000)
        }
    }

    test("a scope that has to wait holds up no other") {
        runTest {
            val told = Told(this)
            told.notify("a", 1uL)
            runCurrent()
            told.notify("a", 2uL)
            runCurrent()
            advanceTimeBy(9)
            told.notify("b", 1uL)
            advanceTimeBy(2)

            told.all.last() shouldBe Telling("b", 1uL, 10)
            advanceTimeBy(39)
            runCurrent()
            told.all.last() shouldBe Telling("a", 2uL, 50)
        }
    }

    test("however often a thousand scopes are notified, each is told at most once in an interval, and of its last") {
        runTest {
            val told = Told(this)
            val random = Random(5)
            val last = HashMap<String, ULong>()
            repeat(10_000) { n ->
                val scope = "s${random.nextInt(1_000)}"
                told.notify(scope, n.toULong())
                last[scope] = n.toULong()
                if (n % 10 == 9) advanceTimeBy(1)
            }
            advanceTimeBy(51)

            for ((scope, tellings) in told.all.groupBy { it.scope }) {
                tellings.last().cursor shouldBe last[scope]
                for ((one, next) in tellings.zipWithNext()) next.at - one.at shouldBeGreaterThanOrEqualTo 50
                tellings.map { it.cursor } shouldBe tellings.map { it.cursor }.distinct().sorted()
            }
        }
    }

    test("what cannot be told is said, and told when it can be; the others do not wait for it") {
        runTest {
            val told = Told(this, failing = "bad")
            told.notify("bad", 1uL)
            told.notify("good", 1uL)
            runCurrent()
            told.failures shouldContainExactly listOf("bad: no")
            told.all shouldContainExactly listOf(Telling("good", 1uL, 0))

            told.failing = ""
            advanceTimeBy(50)
            runCurrent()
            told.failures.size shouldBe 1
            told.all.last() shouldBe Telling("bad", 1uL, 50)
        }
    }

    test("a telling that hangs holds the others up for five seconds at the most, and is told later") {
        runTest {
            val told = Told(this, hanging = "bad")
            told.notify("bad", 1uL)
            told.notify("good", 1uL)
            advanceTimeBy(5_001)
            told.all shouldContainExactly listOf(Telling("good", 1uL, 5_000))

            told.hanging = ""
            told.failures.size shouldBe 1
            advanceTimeBy(5_000)
            told.all.last() shouldBe Telling("bad", 1uL, 10_000)
        }
    }

    test("a scope whose time comes while another's telling hangs is told right behind it") {
        runTest {
            val told = Told(this, hanging = "bad")
            told.notify("good", 1uL)
            advanceTimeBy(10)
            told.notify("good", 2uL)
            advanceTimeBy(10)
            told.notify("bad", 1uL)

            advanceTimeBy(5_010)
            told.all.map { it.scope to it.cursor } shouldContainExactly listOf("good" to 1uL, "good" to 2uL)
        }
    }

    test("with a long interval it does not look all the time, and tells when the time has come") {
        runTest {
            val told = Told(this, interval = 60.seconds)
            told.notify("a", 1uL)
            advanceTimeBy(100)
            told.notify("a", 2uL)
            runCurrent()
            val before = told.looks
            advanceTimeBy(59_000)
            told.looks shouldBe before
            told.all.size shouldBe 1

            advanceTimeBy(1_000)
            told.all.last() shouldBe Telling("a", 2uL, 60_000)
        }
    }

    test("a flood of new scopes holds up none whose time has come, and can be cancelled") {
        runTest {
            val told = Told(this)
            told.notify("old", 1uL)
            runCurrent()
            told.notify("old", 2uL)
            runCurrent()
            advanceTimeBy(50)
            repeat(5_000) { told.notify("s$it", 1uL) }
            runCurrent()

            told.all.indexOf(Telling("old", 2uL, 50)) shouldBeLessThan 300
            told.all.size shouldBe 5_002
            repeat(5_000) { told.notify("t$it", 1uL) }
            told.job.cancelAndJoin()
            told.all.size shouldBe 5_002
        }
    }

    test("an interval that is no whole number of milliseconds is never cut short") {
        runTest {
            val told = Told(this, interval = 1500.microseconds)
            told.notify("a", 1uL)
            runCurrent()
            told.notify("a", 2uL)
            advanceTimeBy(10)
            runCurrent()

            told.all.map { it.at } shouldContainExactly listOf(0L, 2L)
        }
    }

    test("after the end nothing is told and nothing is kept") {
        runTest {
            val told = Told(this)
            runCurrent()
            told.job.cancelAndJoin()
            told.teller.end()

            repeat(1_000) { told.notify("s$it", 1uL) }
            advanceTimeBy(1_000)

            told.all.shouldBeEmpty()
            told.teller.waiting shouldBe 0
        }
    }
})

private const val NANOS_PER_MILLI = 1_000_000L

private data class Telling(val scope: String, val cursor: ULong, val at: Long)

/** A teller, and what it told when. */
private class Told(
    private val test: TestScope,
    var failing: String = "",
    var hanging: String = "",
    interval: Duration = 50.milliseconds,
) {
    val all = mutableListOf<Telling>()
    val failures = mutableListOf<String>()
    var looks = 0
    private val cursors = ScopeCursors(maxScopes = 10_000)
    val teller =
        CursorNotifier(
            interval,
            {
                looks++
                test.currentTime * NANOS_PER_MILLI
            },
            { scope, cursor ->
                check(scope != failing) { "no" }
                if (scope == hanging) awaitCancellation()
                all += Telling(scope, cursor, test.currentTime)
            },
            { scope, cause -> failures += "$scope: ${cause.message}" },
        )
    val job = test.backgroundScope.launch { teller.run() }

    fun notify(scope: String, cursor: ULong) {
        cursors.raise(scope, cursor)?.let(teller::offer)
    }
}
