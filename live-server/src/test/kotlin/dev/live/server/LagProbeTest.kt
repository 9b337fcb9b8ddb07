package dev.live.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.IOException
import kotlin.time.ComparableTimeMark
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

@OptIn(ExperimentalCoroutinesApi::class)
class LagProbeTest : FunSpec({

    test("the lag is the time from a publication to its arrival, measured every five seconds") {
        runTest {
            val scene = Scene(this)
            scene.probe.lag.shouldBeNull()

            for (millis in listOf(3, 250, 7)) {
                delay(millis.milliseconds)
                scene.arrives()
                scene.probe.lag shouldBe millis.milliseconds
                advanceTimeBy(4_999)
                scene.published.last() shouldBe scene.arrivals
                advanceTimeBy(1)
                runCurrent()
            }

            scene.measured shouldContainExactly listOf(3.milliseconds, 250.milliseconds, 7.milliseconds)
        }
    }

    test("while a publication does not arrive, the lag grows with its age, also over several attempts") {
        runTest {
            val scene = Scene(this)
            scene.arrives()
            advanceTimeBy(5.seconds)
            runCurrent()

            advanceTimeBy(20.seconds)
            scene.probe.lag shouldBe 20.seconds
            advanceTimeBy(51.seconds)
            scene.probe.lag shouldBe 71.seconds
            scene.published shouldContainExactly listOf(1L, 2L, 3L, 4L)

            scene.arrives()
            scene.probe.lag shouldBe 1.seconds
        }
    }

    test("a constant lag above the wait for one publication is measured") {
        runTest {
            val scene = Scene(this)
            launch {
                delay(40.seconds)
                scene.probe.arrived(1)
                delay(35.seconds)
                scene.probe.arrived(2)
            }
            advanceTimeBy(40.seconds)
            runCurrent()
            scene.measured shouldContainExactly listOf(40.seconds)
            scene.probe.lag shouldBe 40.seconds

            advanceTimeBy(35.seconds)
            runCurrent()
            scene.measured shouldContainExactly listOf(40.seconds, 40.seconds)
            scene.probe.lag shouldBe 40.seconds
        }
    }

    test("if nothing has ever arrived, the lag is the waiting time once that is too long for a first result") {
        runTest {
            val scene = Scene(this)
            advanceTimeBy(30.seconds)
            scene.probe.lag.shouldBeNull()

            advanceTimeBy(1.seconds)
            scene.probe.lag shouldBe 31.seconds
            advanceTimeBy(1.hours)
            scene.probe.lag shouldBe 1.hours + 31.seconds
        }
    }

    test("an arrival counts once at most, also out of order, and only for one of the newest publications") {
        runTest {
            val scene = Scene(this)
            advanceTimeBy(5.minutes)
            runCurrent()

            scene.probe.arrived(1)
            scene.probe.arrived(0)
            scene.probe.arrived(99)
            scene.measured shouldBe emptyList()

            val newest = scene.published.last()
            val age = testTimeSource.markNow() - scene.sent.getValue(newest)
            repeat(3) { scene.probe.arrived(newest) }
            scene.probe.arrived(newest - 1) // overtaken
            scene.measured shouldContainExactly listOf(age)
        }
    }

    test("a failed publication does not end the measurements") {
        runTest {
            val scene = Scene(this)
            scene.arrives()
            scene.failure = IOException("not connected")
            advanceTimeBy(12.seconds)
            scene.failure = null
            advanceTimeBy(4.seconds)

            scene.arrives()

            scene.measured.size shouldBe 2
        }
    }
})

@OptIn(ExperimentalCoroutinesApi::class)
private class Scene(test: TestScope) {
    val published = ArrayList<Long>()
    val sent = HashMap<Long, ComparableTimeMark>()
    val measured = ArrayList<Duration>()
    var failure: Exception? = null
    val probe =
        LagProbe(
            test.testTimeSource,
            publish = { number ->
                failure?.let { throw it }
                published += number
                sent[number] = test.testTimeSource.markNow()
            },
            onMeasured = measured::add,
        )

    /** Number of the newest publication that has arrived. */
    var arrivals = 0L

    init {
        test.backgroundScope.launch { probe.run() }
        test.runCurrent()
    }

    fun arrives() {
        arrivals = published.last()
        probe.arrived(arrivals)
    }
}
