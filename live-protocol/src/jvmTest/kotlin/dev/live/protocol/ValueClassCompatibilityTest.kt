package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.serializer

/** Like [KotlinxCompatibilityTest], for value classes. Common tests cannot declare them. */
class ValueClassCompatibilityTest :
    FunSpec({
        test("value classes have the same output as the library") {
            val pair = Both(JsonPrimitive(1), Count(2))
            for (part in listOf(Part.Inline(pair), Part.Other(pair))) {
                val all = Parts(Count(1), Level(200u), Wrapped(pair), mapOf(Count(7) to Count(8)), part)
                val expected = PayloadJson.encodeToString(serializer<Parts>(), all)
                Body.of(all).text shouldBe expected
                Message("x", body = Body.of(all)).decode<Parts>() shouldBe all
            }
        }
    })

@Serializable
internal data class Both(val json: JsonElement, val count: Count)

@Serializable
@JvmInline
internal value class Count(val number: Int)

@Serializable
@JvmInline
internal value class Level(val level: UByte)

@Serializable
@JvmInline
internal value class Wrapped(val pair: Both)

@Serializable
internal data class Parts(
    val number: Count,
    val level: Level,
    val wrapped: Wrapped,
    val numbers: Map<Count, Count>,
    val part: Part,
    val none: Count? = null,
)

@Serializable
internal sealed interface Part {
    @Serializable
    @SerialName("inline")
    @JvmInline
    value class Inline(val pair: Both) : Part

    @Serializable
    @SerialName("other")
    data class Other(val pair: Both) : Part
}
