package dev.live.benchmarks.load.generator

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class HeapHistogramTest :
    FunSpec({
        test("parses the output of jcmd and merges a class of two loaders") {
            val text =
                """
                4242:
                 num     #instances         #bytes  class name (module)
                -------------------------------------------------------
                   1:         10001         320032  [B (java.base@17.0.15)
                   2:           200           4800  dev.live.server.Session
                   3:             1             24  dev.live.server.Session
                Total         10202         324856
                """.trimIndent()

            val histogram = HeapHistogram.parse(text)

            histogram.totalBytes() shouldBe 324_856
            histogram.classes["dev.live.server.Session"] shouldBe ClassGrowth("dev.live.server.Session", 201, 4824)
        }
    })
