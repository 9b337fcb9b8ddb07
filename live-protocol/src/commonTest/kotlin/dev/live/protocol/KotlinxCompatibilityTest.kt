package dev.live.protocol

import kotlinx.serialization.Contextual
import kotlinx.serialization.EncodeDefault
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Polymorphic
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.builtins.MapSerializer
import kotlinx.serialization.builtins.nullable
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.descriptors.buildClassSerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonClassDiscriminator
import kotlinx.serialization.json.JsonDecoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.JsonTransformingSerializer
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import kotlinx.serialization.modules.SerializersModule
import kotlinx.serialization.modules.polymorphic
import kotlinx.serialization.modules.subclass
import kotlinx.serialization.serializer
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Apart from the text of numbers, [LiteralSerializer] has the same output as kotlinx.serialization 1.11.0. */
class KotlinxCompatibilityTest {
    @Test
    fun `every kind of serializer has the same output as the library`() {
        for (shape in shapes) {
            assertSameOutput(shape)
            assertSameOutput(listOf(shape, shape))
            assertSameOutput(mapOf("k" to shape))
            assertSameOutput(mapOf(Ink.Red to shape, Ink.Green to Drawn.None))
            assertSameOutput(Holder(shape))
            assertSameOutput<Holder<Drawn?>>(Holder(null))
            assertSameOutput(Holder(listOf(shape, null)))
            assertSameOutput(Holder(Holder(shape)))
        }
        assertSameOutput<Drawn?>(null)
        assertSameOutput(Defaults())
        assertSameOutput(Defaults(1, 2, 3, "x"))
        assertSameOutput(Tree(JsonPrimitive(1), buildJsonObject { put("a", "b") }, null))
    }

    @Test
    fun `registered polymorphic classes have the same output as the library`() {
        for (animal in listOf<Animal>(Cat("Tom", JsonPrimitive(9)), Dog("Rex"), Fish)) {
            assertSameOutput(animal)
            assertSameOutput(Zoo(animal, mapOf("a" to animal), listOf(animal, null), Spot(1, 2)))
        }
    }

    @Test
    fun `a subclass with a custom serializer keeps its class discriminator`() {
        assertEquals("""{"type":"Renamed","b":1}""", Body.of<Drawn>(Drawn.Renamed(1)).text)
        assertEquals("""{"type":"AsMap","x":1}""", Body.of<Drawn>(Drawn.AsMap(mapOf("x" to 1))).text)
        assertEquals("""{"type":"AsTree","x":1}""", Body.of<Drawn>(Drawn.AsTree(1)).text)
        for (shape in shapes) assertEquals(shape, Message("x", body = Body.of(shape)).decode<Drawn>())
    }

    @Test
    fun `a subclass that is not encoded as an object is rejected`() {
        for (bad in listOf(Invalid.AsArray(1), Invalid.AsText(1), Invalid.AsTreeOfText(1))) {
            assertFailsWith<SerializationException>(bad.toString()) { Body.of<Invalid>(bad) }
        }
    }

    @Test
    fun `a subclass with a field named like the class discriminator is rejected`() {
        assertFailsWith<SerializationException> { Body.of<Invalid>(Invalid.Field("x")) }
        assertFailsWith<SerializationException> { Body.of<Invalid>(Invalid.Added(1)) }
    }

    @Test
    fun `only types that may contain a JsonElement are detected`() {
        assertFalse(JsonElementDetector.mayContain(serializer<Plain>().descriptor))
        assertFalse(JsonElementDetector.mayContain(serializer<List<Plain?>>().descriptor))
        assertTrue(JsonElementDetector.mayContain(serializer<Drawn>().descriptor))
        assertTrue(JsonElementDetector.mayContain(serializer<Holder<Drawn>>().descriptor))
        assertTrue(JsonElementDetector.mayContain(serializer<Animal>().descriptor))
        assertTrue(JsonElementDetector.mayContain(serializer<Zoo>().descriptor))
    }

    private inline fun <reified T> assertSameOutput(value: T) =
        assertSameOutput(json.serializersModule.serializer<T>(), value)

    private fun <T> assertSameOutput(serializer: KSerializer<T>, value: T) {
        val expected = json.encodeToString(serializer, value)
        assertEquals(expected, json.encodeToString(LiteralSerializer(serializer), value))
        assertEquals(expected, json.encodeToString(LiteralSerializer(serializer.orNull()), value))
    }

    @Suppress("UNCHECKED_CAST") // a serializer of nullable values accepts non-null values
    private fun <T> KSerializer<T>.orNull(): SerializationStrategy<T> =
        if (descriptor.isNullable) this else (this as KSerializer<Any>).nullable as SerializationStrategy<T>

    private val shapes: List<Drawn> =
        listOf(
            Drawn.Circle(2),
            Drawn.Group(listOf(Drawn.Circle(1), Drawn.None, Drawn.Renamed(3)), mapOf("a" to Drawn.AsTree(4))),
            Drawn.None,
            Drawn.Renamed(1),
            Drawn.AsTree(1),
            Drawn.AsMap(mapOf("x" to 1, "y" to 2)),
            Drawn.Free(JsonArray(listOf(JsonPrimitive(1), JsonPrimitive("x")))),
        )

    /** [PayloadJson] with registered classes. */
    private val json =
        Json(PayloadJson) {
            serializersModule =
                SerializersModule {
                    polymorphic(Animal::class) {
                        subclass(Cat::class)
                        subclass(Dog::class)
                        subclass(Fish::class)
                    }
                    contextual(Spot::class, Spot.serializer())
                }
        }
}

@Serializable
internal enum class Ink {
    @SerialName("r")
    Red,
    Green,
}

@Serializable
internal data class Spot(val x: Int, val y: Int)

@Serializable
internal data class Holder<T>(val of: T, val more: T? = null)

@OptIn(ExperimentalSerializationApi::class)
@Serializable
internal data class Defaults(
    val a: Int = 1,
    @EncodeDefault val b: Int = 2,
    @EncodeDefault(EncodeDefault.Mode.NEVER) val c: Int = 3,
    val d: String? = null,
)

@Serializable
internal data class Tree(val element: JsonElement, val fields: JsonObject, val none: JsonElement?)

@Serializable
internal sealed interface Plain {
    @Serializable
    data class Leaf(val text: String) : Plain

    @Serializable
    data class Branch(val all: List<Plain>, val color: Ink) : Plain
}

@Serializable
internal sealed interface Drawn {
    @Serializable
    data class Circle(val radius: Int, val color: Ink = Ink.Red) : Drawn

    @Serializable
    data class Group(val all: List<Drawn>, val named: Map<String, Drawn>) : Drawn

    @Serializable
    data object None : Drawn

    @Serializable(RenamedSerializer::class)
    data class Renamed(val a: Int) : Drawn

    @Serializable(AsTreeSerializer::class)
    data class AsTree(val x: Int) : Drawn

    @Serializable(AsMapSerializer::class)
    data class AsMap(val all: Map<String, Int>) : Drawn

    @Serializable
    data class Free(val json: JsonElement) : Drawn
}

@Serializable
@SerialName("Renamed")
internal data class RenamedForm(val a: Int)

internal object RenamedForms : JsonTransformingSerializer<RenamedForm>(RenamedForm.serializer()) {
    override fun transformSerialize(element: JsonElement) =
        JsonObject(element.jsonObject.mapKeys { (name, _) -> if (name == "a") "b" else name })

    override fun transformDeserialize(element: JsonElement) =
        JsonObject(element.jsonObject.mapKeys { (name, _) -> if (name == "b") "a" else name })
}

internal object RenamedSerializer : KSerializer<Drawn.Renamed> {
    override val descriptor get() = RenamedForms.descriptor

    override fun serialize(encoder: Encoder, value: Drawn.Renamed) = RenamedForms.serialize(
        encoder,
        RenamedForm(value.a),
    )

    override fun deserialize(decoder: Decoder) = Drawn.Renamed(RenamedForms.deserialize(decoder).a)
}

/** A serializer that encodes a subclass with [write]. */
internal abstract class Custom<T>(
    name: String,
    private val read: (Map<String, Int>) -> T,
    private val write: (Encoder, T) -> Unit,
) : KSerializer<T> {
    override val descriptor = buildClassSerialDescriptor(name)

    override fun serialize(encoder: Encoder, value: T) = write(encoder, value)

    override fun deserialize(decoder: Decoder): T {
        val fields = (decoder as JsonDecoder).decodeJsonElement().jsonObject - "type"
        return read(fields.mapValues { (_, value) -> value.jsonPrimitive.int })
    }
}

internal val ints = MapSerializer(String.serializer(), Int.serializer())

internal object AsTreeSerializer : Custom<Drawn.AsTree>("AsTree", {
    Drawn.AsTree(it.getValue("x"))
}, { encoder, value ->
    encoder.encodeSerializableValue(JsonElement.serializer(), buildJsonObject { put("x", value.x) })
})

internal object AsMapSerializer : Custom<Drawn.AsMap>("AsMap", { Drawn.AsMap(it) }, { encoder, value ->
    ints.serialize(encoder, value.all)
})

@Serializable
internal sealed interface Invalid {
    @Serializable(BadArraySerializer::class)
    data class AsArray(val x: Int) : Invalid

    @Serializable(BadTextSerializer::class)
    data class AsText(val x: Int) : Invalid

    @Serializable(BadTreeSerializer::class)
    data class AsTreeOfText(val x: Int) : Invalid

    @Serializable(AddedSerializer::class)
    data class Added(val x: Int) : Invalid

    @Serializable
    data class Field(val type: String) : Invalid

    /** Makes the type contain a JsonElement. */
    @Serializable
    data class Free(val json: JsonElement) : Invalid
}

private fun Encoder.json(element: JsonElement) = (this as JsonEncoder).encodeJsonElement(
    element,
)

internal object BadArraySerializer : Custom<Invalid.AsArray>("AsArray", { error("not read") }, { encoder, value ->
    encoder.json(JsonArray(listOf(JsonPrimitive(value.x))))
})

internal object BadTextSerializer : Custom<Invalid.AsText>("AsText", { error("not read") }, { encoder, value ->
    encoder.json(JsonPrimitive("${value.x}"))
})

internal object BadTreeSerializer : Custom<Invalid.AsTreeOfText>("AsTreeOfText", {
    error("not read")
}, { encoder, value ->
    encoder.encodeSerializableValue(JsonElement.serializer(), JsonPrimitive("${value.x}"))
})

internal object AddedSerializer : Custom<Invalid.Added>("Added", { error("not read") }, { encoder, value ->
    encoder.json(JsonObject(mapOf("x" to JsonPrimitive(value.x), "type" to JsonPrimitive("Other"))))
})

@OptIn(ExperimentalSerializationApi::class)
@Serializable
@Polymorphic
@JsonClassDiscriminator("kind")
internal abstract class Animal

@Serializable
@SerialName("cat")
internal data class Cat(val name: String, val lives: JsonElement) : Animal()

@Serializable(DogSerializer::class)
internal data class Dog(val name: String) : Animal()

@Serializable
internal data object Fish : Animal()

internal object DogSerializer : Custom<Dog>("dog", { error("not read") }, { encoder, value ->
    encoder.json(buildJsonObject { put("name", value.name) })
})

@Serializable
internal data class Zoo(
    val first: Animal,
    val named: Map<String, Animal>,
    val all: List<Animal?>,
    @Contextual val at: Spot,
)
