package dev.live.benchmarks.load.generator

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll

class MarkerTest :
    FunSpec({
        test("reads back every sequence number and time that it wrote") {
            checkAll(Arb.int(), Arb.long()) { sequence, time ->
                val bytes = "ab${Marker.payload(40)}".toByteArray()

                Marker.write(bytes, 2, sequence, time)

                Marker.sequence(bytes, 2) shouldBe sequence
                Marker.time(bytes, 2) shouldBe time
                Marker.find(bytes, 0, bytes.size) shouldBe 2
            }
        }

        test("skips a tilde without a marker") {
            val bytes = """{"topic":"~home","data":"${Marker.payload(30)}"}""".toByteArray()

            Marker.find(bytes, 0, bytes.size) shouldBe 25
        }

        test("ignores a truncated marker") {
            val bytes = Marker.payload(Marker.SIZE).toByteArray()

            Marker.find(bytes, 0, bytes.size - 1) shouldBe -1
        }

        test("finds a marker at the previous offset and at another one") {
            val finder = MarkerFinder()

            finder.find("abc${Marker.payload(25)}".toByteArray(), 0, 28) shouldBe 3
            finder.find("abc${Marker.payload(25)}".toByteArray(), 0, 28) shouldBe 3
            finder.find("a${Marker.payload(25)}".toByteArray(), 0, 26) shouldBe 1
            finder.find("no marker in these bytes at all".toByteArray(), 0, 31) shouldBe -1
        }
    })
