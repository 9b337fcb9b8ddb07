package dev.live.benchmarks.load.soak

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.plusOrMinus
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain

class SeriesTest : FunSpec({

    fun series(vararg values: Double) =
        Series("heap", "MiB", decimals = 1, share = 0.1, floor = 3.0).apply {
            values.forEachIndexed { i, value -> add(i * 10.0, value) }
        }

    test("a series with more growth than allowed over the last two thirds is not flat") {
        val growing = series(10.0, 20.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)

        growing.growth shouldBe (50.0 plusOrMinus 1e-9)
        growing.isFlat shouldBe false
    }

    test("the first third does not count") {
        series(5.0, 20.0, 40.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0).isFlat shouldBe true
    }

    test("a few outliers do not make a trend") {
        series(50.0, 50.0, 50.0, 50.0, 51.0, 300.0, 50.0, 49.0, 200.0).isFlat shouldBe true
    }

    test("a falling series and growth below the floor are flat") {
        series(9.0, 9.0, 9.0, 90.0, 80.0, 70.0, 60.0, 50.0, 40.0).isFlat shouldBe true
        series(1.0, 1.0, 1.0, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0).isFlat shouldBe true
    }

    test("the control's growth is allowed in addition") {
        val control = series(1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0)
        val latency = Series("latency", "ms", decimals = 1, share = 0.0, floor = 0.0, control)
        listOf(1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0).forEachIndexed { i, value -> latency.add(i * 10.0, value) }

        latency.isFlat shouldBe true
    }

    test("a plot has a line for each series") {
        val svg = soakPlot("a <title>", listOf(series(1.0, 2.0), series(3.0)))

        svg.split("<polyline").size shouldBe 3
        svg shouldContain "a &lt;title>"
    }
})
