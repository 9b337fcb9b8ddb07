package dev.live.samples.shared

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import java.io.UncheckedIOException

class JacksonMapperTest : FunSpec({

    test("decodes an encoded value") {
        val mapper = JacksonMapper()

        mapper.fromJson(mapper.toJson(mapOf("text" to "hi")), Map::class.java) shouldBe mapOf("text" to "hi")
    }

    test("rejects invalid JSON") {
        shouldThrow<UncheckedIOException> { JacksonMapper().fromJson("{", Map::class.java) }
    }
})
