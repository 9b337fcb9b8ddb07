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

    test("the first cursor is published at once, and the newest one after the interval") {
        runTest {
            val scene = NotifierScene(this)
            scene.notify("a", 1uL)
            runCurrent()
            scene.published shouldContainExactly listOf(Publication("a", 1uL, 0))

            scene.notify("a", 2uL)
            advanceTimeBy(20)
            scene.notify("a", 3uL)
            scene.notify("a", 2uL)
            advanceTimeBy(29)
            runCurrent()
            scene.published.size shouldBe 1
            advanceTimeBy(1)
            runCurrent()

            scene.published.last() shouldBe Publication("a", 3uL, 50)
        }
    }

    test("the notifier polls while active and is woken up when idle") {
        runTest {
            val scene = NotifierScene(this)
            scene.notify("a", 1uL)
            runCurrent()
            scene.notify("b", 1uL)
            runCurrent()
            scene.published.size shouldBe 1
            advanceTimeBy(3)
            scene.published.last() shouldBe Publication("b", 1uL, 2)

            advanceTimeBy(1_000)
            scene.notify("c", 1uL)
            runCurrent()
            scene.published.last() shouldBe Publication("c", 1uL, 1_003)
        }
    }

    test("after an idle time a cursor is published at once") {
        runTest {
            val scene = NotifierScene(this)
            scene.notify("a", 1uL)
            advanceTimeBy(1_000)
            scene.notify("a", 2uL)
            runCurrent()

            scene.published.last() shouldBe Publication("a", 2uL, 1_000)
        }
    }

    test("a throttled scope does not delay others") {
        runTest {
            val scene = NotifierScene(this)
            scene.notify("a", 1uL)
            runCurrent()
            scene.notify("a", 2uL)
            runCurrent()
            advanceTimeBy(9)
            scene.notify("b", 1uL)
            advanceTimeBy(2)

            scene.published.last() shouldBe Publication("b", 1uL, 10)
            advanceTimeBy(39)
            runCurrent()
            scene.published.last() shouldBe Publication("a", 2uL, 50)
        }
    }

    test("each of 1,000 scopes is published at most once per interval, and finally with its last cursor") {
        runTest {
            val scene = NotifierScene(this)
            val random = Random(5)
            val last = HashMap<String, ULong>()
            repeat(10_000) { n ->
                val scope = "s${random.nextInt(1_000)}"
                scene.notify(scope, n.toULong())
                last[scope] = n.toULong()
                if (n % 10 == 9) advanceTimeBy(1)
            }
            advanceTimeBy(51)

            for ((scope, publications) in scene.published.groupBy { it.scope }) {
                publications.last().cursor shouldBe last[scope]
                for ((one, next) in publications.zipWithNext()) next.at - one.at shouldBeGreaterThanOrEqualTo 50
                publications.map { it.cursor } shouldBe publications.map { it.cursor }.distinct().sorted()
            }
        }
    }

    test("a failed publish is reported and retried, and does not delay others") {
        runTest {
            val scene = NotifierScene(this, failing = "bad")
            scene.notify("bad", 1uL)
            scene.notify("good", 1uL)
            runCurrent()
            scene.failures shouldContainExactly listOf("bad: no")
            scene.published shouldContainExactly listOf(Publication("good", 1uL, 0))

            scene.failing = ""
            advanceTimeBy(50)
            runCurrent()
            scene.failures.size shouldBe 1
            scene.published.last() shouldBe Publication("bad", 1uL, 50)
        }
    }

    test("a hanging publish delays others by five seconds at most, and is retried") {
        runTest {
            val scene = NotifierScene(this, hanging = "bad")
            scene.notify("bad", 1uL)
            scene.notify("good", 1uL)
            advanceTimeBy(5_001)
            scene.published shouldContainExactly listOf(Publication("good", 1uL, 5_000))

            scene.hanging = ""
            scene.failures.size shouldBe 1
            advanceTimeBy(5_000)
            scene.published.last() shouldBe Publication("bad", 1uL, 10_000)
        }
    }

    test("a scope that becomes due during a hanging publish is published right after it") {
        runTest {
            val scene = NotifierScene(this, hanging = "bad")
            scene.notify("good", 1uL)
            advanceTimeBy(10)
            scene.notify("good", 2uL)
            advanceTimeBy(10)
            scene.notify("bad", 1uL)

            advanceTimeBy(5_010)
            scene.published.map { it.scope to it.cursor } shouldContainExactly listOf("good" to 1uL, "good" to 2uL)
        }
    }

    test("with a long interval it sleeps until the next publish is due") {
        runTest {
            val scene = NotifierScene(this, interval = 60.seconds)
            scene.notify("a", 1uL)
            advanceTimeBy(100)
            scene.notify("a", 2uL)
            runCurrent()
            val before = scene.clockReads
            advanceTimeBy(59_000)
            scene.clockReads shouldBe before
            scene.published.size shouldBe 1

            advanceTimeBy(1_000)
            scene.published.last() shouldBe Publication("a", 2uL, 60_000)
        }
    }

    test("a flood of new scopes does not delay a scope that is due, and can be cancelled") {
        runTest {
            val scene = NotifierScene(this)
            scene.notify("old", 1uL)
            runCurrent()
            scene.notify("old", 2uL)
            runCurrent()
            advanceTimeBy(50)
            repeat(5_000) { scene.notify("s$it", 1uL) }
            runCurrent()

            scene.published.indexOf(Publication("old", 2uL, 50)) shouldBeLessThan 300
            scene.published.size shouldBe 5_002
            repeat(5_000) { scene.notify("t$it", 1uL) }
            scene.job.cancelAndJoin()
            scene.published.size shouldBe 5_002
        }
    }

    test("an interval with a fraction of a millisecond is not shortened") {
        runTest {
            val scene = NotifierScene(this, interval = 1500.microseconds)
            scene.notify("a", 1uL)
            runCurrent()
            scene.notify("a", 2uL)
            advanceTimeBy(10)
            runCurrent()

            scene.published.map { it.at } shouldContainExactly listOf(0L, 2L)
        }
    }

    test("after the end nothing is published or queued") {
        runTest {
            val scene = NotifierScene(this)
            runCurrent()
            scene.job.cancelAndJoin()
            scene.notifier.end()

            repeat(1_000) { scene.notify("s$it", 1uL) }
            advanceTimeBy(1_000)

            scene.published.shouldBeEmpty()
            scene.notifier.waiting shouldBe 0
        }
    }
})

private const val NANOS_PER_MILLI = 1_000_000L

private data class Publication(val scope: String, val cursor: ULong, val at: Long)

/** A [CursorNotifier] that records its publications. */
private class NotifierScene(
    private val test: TestScope,
    var failing: String = "",
    var hanging: String = "",
    interval: Duration = 50.milliseconds,
) {
    val published = mutableListOf<Publication>()
    val failures = mutableListOf<String>()
    var clockReads = 0
    private val cursors = ScopeCursors(maxScopes = 10_000)
    val notifier =
        CursorNotifier(
            interval,
            {
                clockReads++
                test.currentTime * NANOS_PER_MILLI
            },
            { scope, cursor ->
                check(scope != failing) { "no" }
                if (scope == hanging) awaitCancellation()
                published += Publication(scope, cursor, test.currentTime)
            },
            { scope, cause -> failures += "$scope: ${cause.message}" },
        )
    val job = test.backgroundScope.launch { notifier.run() }

    fun notify(scope: String, cursor: ULong) {
        cursors.raise(scope, cursor)?.let(notifier::offer)
    }
}
