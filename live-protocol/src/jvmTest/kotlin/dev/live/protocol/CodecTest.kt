package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class CodecTest : FunSpec({
    for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
        test("${codec.subprotocol} reads what it wrote") {
            for (m in listOf(
                Message("ping"),
                Message("publish", "room/1", "r1", Body.bytes(byteArrayOf(0, 1, -1)), 7),
                Message("publish", "room/1", "r1", Body.bytes(byteArrayOf())),
                Message(
                    "publish",
                    "room/1",
                    "r1",
                    Body.json(""" {"a" : [1, 1e400, null, "\u0041\/\u0000\ud83d\ude00"]} """),
                    Long.MAX_VALUE,
                ),
                Message("publish", "é", "", Body.json("null"), 0),
            )) {
                val bytes = codec.encode(m)

                codec.decode(bytes) shouldBe m
            }
        }
    }
})
