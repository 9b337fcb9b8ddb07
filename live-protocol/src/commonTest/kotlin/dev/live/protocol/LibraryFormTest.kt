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

/** What keeps numbers as they were written writes all else as kotlinx.serialization 1.11.0 does. */
class LibraryFormTest {
    @Test
    fun `values of every kind of serializer are written as the library writes them`() {
        for (shape in shapes) {
            same(shape)
            same(listOf(shape, shape))
            same(mapOf("k" to shape))
            same(mapOf(Ink.Red to shape, Ink.Green to Drawn.None))
            same(Holder(shape))
            same<Holder<Drawn?>>(Holder(null))
            same(Holder(listOf(shape, null)))
            same(Holder(Holder(shape)))
        }
        same<Drawn?>(null)
        same(Defaults())
        same(Defaults(1, 2, 3, "x"))
        same(Tree(JsonPrimitive(1), buildJsonObject { put("a", "b") }, null))
    }

    @Test
    fun `classes that the application registers are written as the library writes them`() {
        for (animal in listOf<Animal>(Cat("Tom", JsonPrimitive(9)), Dog("Rex"), Fish)) {
            same(animal)
            same(Zoo(animal, mapOf("a" to animal), listOf(animal, null), Spot(1, 2)))
        }
    }

    @Test
    fun `a subclass with a serializer of its own keeps the field that tells its class`() {
        assertEquals("""{"type":"Renamed","b":1}""", Body.of<Drawn>(Drawn.Renamed(1)).text)
        assertEquals("""{"type":"AsMap","x":1}""", Body.of<Drawn>(Drawn.AsMap(mapOf("x" to 1))).text)
        assertEquals("""{"type":"AsTree","x":1}""", Body.of<Drawn>(Drawn.AsTree(1)).text)
        for (shape in shapes) assertEquals(shape, Message("x", body = Body.of(shape)).decode<Drawn>())
    }

    @Test
    fun `a subclass that is written as something else than an object is refused`() {
        for (bad in listOf(Unfit.AsArray(1), Unfit.AsText(1), Unfit.AsTreeOfText(1))) {
            assertFailsWith<SerializationException>(bad.toString()) { Body.of<Unfit>(bad) }
        }
    }

    @Test
    fun `a subclass with a field named as the one that tells its class is refused`() {
        assertFailsWith<SerializationException> { Body.of<Unfit>(Unfit.Field("x")) }
        assertFailsWith<SerializationException> { Body.of<Unfit>(Unfit.Added(1)) }
    }

    @Test
    fun `only types that may hold trees of JSON are looked through for them`() {
        assertFalse(HoldsJson(serializer<Plain>().descriptor))
        assertFalse(HoldsJson(serializer<List<Plain?>>().descriptor))
        assertTrue(HoldsJson(serializer<Drawn>().descriptor))
        assertTrue(HoldsJson(serializer<Holder<Drawn>>().descriptor))
        assertTrue(HoldsJson(serializer<Animal>().descriptor))
        assertTrue(HoldsJson(serializer<Zoo>().descriptor))
    }

    private inline fun <reified T> same(value: T) = same(json.serializersModule.serializer<T>(), value)

    private fun <T> same(serializer: KSerializer<T>, value: T) {
        val expected = json.encodeToString(serializer, value)
        assertEquals(expected, json.encodeToString(LiteralSerializer(serializer), value))
        assertEquals(expected, json.encodeToString(LiteralSerializer(serializer.orNull()), value))
    }

    @Suppress("UNCHECKED_CAST") // a serializer of what may be null takes what is not
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

    /** As [PayloadJson], with classes of the application. */
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

/** A subclass written as [write] does. */
internal abstract class Written<T>(
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

internal object AsTreeSerializer : Written<Drawn.AsTree>("AsTree", {
    Drawn.AsTree(it.getValue("x"))
}, { encoder, value ->
    encoder.encodeSerializableValue(JsonElement.serializer(), buildJsonObject { put("x", value.x) })
})

internal object AsMapSerializer : Written<Drawn.AsMap>("AsMap", { Drawn.AsMap(it) }, { encoder, value ->
    ints.serialize(encoder, value.all)
})

@Serializable
internal sealed interface Unfit {
    @Serializable(BadArraySerializer::class)
    data class AsArray(val x: Int) : Unfit

    @Serializable(BadTextSerializer::class)
    data class AsText(val x: Int) : Unfit

    @Serializable(BadTreeSerializer::class)
    data class AsTreeOfText(val x: Int) : Unfit

    @Serializable(AddedSerializer::class)
    data class Added(val x: Int) : Unfit

    @Serializable
    data class Field(val type: String) : Unfit

    /** So that the type may hold JSON. */
    @Serializable
    data class Free(val json: JsonElement) : Unfit
}

private fun Encoder.json(element: JsonElement) = (this as JsonEncoder).encodeJsonElement(
    element,
)

internal object BadArraySerializer : Written<Unfit.AsArray>("AsArray", { error("not read") }, { encoder, value ->
    encoder.json(JsonArray(listOf(JsonPrimitive(value.x))))
})

internal object BadTextSerializer : Written<Unfit.AsText>("AsText", { error("not read") }, { encoder, value ->
    encoder.json(JsonPrimitive("${value.x}"))
})

internal object BadTreeSerializer : Written<Unfit.AsTreeOfText>("AsTreeOfText", {
    error("not read")
}, { encoder, value ->
    encoder.encodeSerializableValue(JsonElement.serializer(), JsonPrimitive("${value.x}"))
})

internal object AddedSerializer : Written<Unfit.Added>("Added", { error("not read") }, { encoder, value ->
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

internal object DogSerializer : Written<Dog>("dog", { error("not read") }, { encoder, value ->
    encoder.json(buildJsonObject { put("name", value.name) })
})

@Serializable
internal data class Zoo(
    val first: Animal,
    val named: Map<String, Animal>,
    val all: List<Animal?>,
    @Contextual val at: Spot,
)
