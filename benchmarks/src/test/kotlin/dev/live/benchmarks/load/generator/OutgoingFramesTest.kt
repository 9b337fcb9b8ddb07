package dev.live.benchmarks.load.generator

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class OutgoingFramesTest :
    FunSpec({
        test("a frame is masked and contains its marker") {
            val frames = OutgoingFrames(opcode = 1)

            frames.add(FrameTemplate("P t/1 ${Marker.payload(30)}".toByteArray()), 7, 42)

            frames.bytes[1].toInt() and 0x80 shouldBe 0x80
            val payload = unmasked(frames, 6)
            payload shouldBe "P t/1 ~00000007000000000000002axxxxx"
        }

        test("the rest after a partial write is sent next") {
            val frames = OutgoingFrames(opcode = 1)
            frames.add("first".toByteArray())
            frames.add("second".toByteArray())

            frames.drop(11)

            unmasked(frames, 6) shouldBe "second"
            frames.size shouldBe 12
        }
    })

/** The payload of the short frame at the beginning. */
private fun unmasked(frames: OutgoingFrames, header: Int): String {
    val size = frames.bytes[1].toInt() and 0x7f
    val bytes =
        ByteArray(size) { (frames.bytes[header + it].toInt() xor frames.bytes[header - 4 + it % 4].toInt()).toByte() }
    return String(bytes)
}
