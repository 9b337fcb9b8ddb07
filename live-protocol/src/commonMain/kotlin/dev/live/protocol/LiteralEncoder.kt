package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.InternalSerializationApi
import kotlinx.serialization.SealedSerializationApi
import kotlinx.serialization.SerializationException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.StructureKind
import kotlinx.serialization.descriptors.buildClassSerialDescriptor
import kotlinx.serialization.descriptors.element
import kotlinx.serialization.descriptors.elementNames
import kotlinx.serialization.encoding.CompositeEncoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.findPolymorphicSerializer
import kotlinx.serialization.internal.AbstractPolymorphicSerializer
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonClassDiscriminator
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.JsonUnquotedLiteral

/**
 * Encodes like [serializer], but keeps the original text of numbers in a [JsonElement].
 *
 * kotlinx.serialization reads a number as text and writes it through `Long` or `Double`: `0.1000` becomes `0.1`,
 * 30 digits become 17, and `1e400` fails. This serializer replaces such numbers with unquoted literals, which the
 * library writes unchanged. To see every [JsonElement], it wraps the library's encoder, and it repeats that
 * encoder's treatment of polymorphic values.
 */
internal class LiteralSerializer<T>(private val serializer: SerializationStrategy<T>) : SerializationStrategy<T> {
    override val descriptor: SerialDescriptor get() = serializer.descriptor

    override fun serialize(encoder: Encoder, value: T): Unit =
        if (encoder is JsonEncoder) {
            LiteralEncoder(encoder).encodeSerializableValue(serializer, value)
        } else {
            encoder.encodeSerializableValue(serializer, value)
        }
}

@OptIn(ExperimentalSerializationApi::class, InternalSerializationApi::class, SealedSerializationApi::class)
private class LiteralEncoder(private val encoder: JsonEncoder) : JsonEncoder, CompositeEncoder by encoder {
    /** Name and value of the class discriminator for the next object; null for none. */
    private var discriminator: Pair<String, String>? = null

    override val json get() = encoder.json
    override val serializersModule get() = encoder.serializersModule

    override fun encodeJsonElement(element: JsonElement): Unit =
        encoder.encodeJsonElement(withDiscriminator(element).withLiterals())

    override fun <T> encodeSerializableValue(serializer: SerializationStrategy<T>, value: T) {
        when {
            value is JsonElement && serializer.descriptor.isJson() -> {
                @Suppress("UNCHECKED_CAST") // withLiterals keeps the subclass
                encoder.encodeSerializableValue(serializer, withDiscriminator(value).withLiterals() as T)
            }
            serializer is AbstractPolymorphicSerializer<*> -> encodePolymorphic(serializer, value)
            else -> serializer.serialize(this, value)
        }
    }

    private fun <T> encodePolymorphic(serializer: AbstractPolymorphicSerializer<*>, value: T) {
        @Suppress("UNCHECKED_CAST") // same cast as in the library
        val polymorphic = serializer as AbstractPolymorphicSerializer<Any>
        val actual = polymorphic.findPolymorphicSerializer(this, value as Any)
        val kind = actual.descriptor.kind
        val own = serializer.descriptor.annotations.firstNotNullOfOrNull { it as? JsonClassDiscriminator }
        val name = own?.discriminator ?: json.configuration.classDiscriminator
        val isObject = kind == StructureKind.CLASS || kind == StructureKind.OBJECT
        if (!isObject || name in actual.descriptor.elementNames) {
            return encoder.encodeSerializableValue(polymorphic, value) // throws for most of them
        }
        discriminator = name to actual.descriptor.serialName
        actual.serialize(this, value)
    }

    override fun <T : Any> encodeNullableSerializableValue(serializer: SerializationStrategy<T>, value: T?) {
        if (value == null) return encoder.encodeNull()
        encoder.encodeNotNullMark()
        encodeSerializableValue(serializer, value)
    }

    /** [element] with its class discriminator, for a serializer that writes a JSON tree instead of fields. */
    private fun withDiscriminator(element: JsonElement): JsonElement {
        val (name, value) = discriminator ?: return element
        discriminator = null
        if (element !is JsonObject) throw SerializationException("$value must be written as an object, to hold '$name'")
        if (name in element) throw SerializationException("$value has a field named '$name', the class discriminator")
        return JsonObject(mapOf(name to JsonPrimitive(value)) + element)
    }

    override fun beginStructure(descriptor: SerialDescriptor): CompositeEncoder =
        encoder.beginStructure(descriptor).withDiscriminator(descriptor).wrapped()

    override fun beginCollection(descriptor: SerialDescriptor, collectionSize: Int): CompositeEncoder =
        encoder.beginCollection(descriptor, collectionSize).withDiscriminator(descriptor).wrapped()

    private fun CompositeEncoder.withDiscriminator(descriptor: SerialDescriptor): CompositeEncoder {
        val (name, value) = discriminator ?: return this
        discriminator = null
        when (descriptor.kind) {
            StructureKind.LIST -> throw SerializationException("$value must be written as an object, to hold '$name'")
            StructureKind.MAP -> {
                encodeStringElement(descriptor, 0, name)
                encodeStringElement(descriptor, 1, value)
            }
            else -> encodeStringElement(objectWith(name), 0, value)
        }
        return this
    }

    private fun CompositeEncoder.wrapped() = LiteralEncoder(this as JsonEncoder)

    override fun <T> encodeSerializableElement(
        descriptor: SerialDescriptor,
        index: Int,
        serializer: SerializationStrategy<T>,
        value: T,
    ): Unit = encoder.encodeSerializableElement(descriptor, index, LiteralSerializer(serializer), value)

    override fun <T : Any> encodeNullableSerializableElement(
        descriptor: SerialDescriptor,
        index: Int,
        serializer: SerializationStrategy<T>,
        value: T?,
    ): Unit = encoder.encodeNullableSerializableElement(descriptor, index, LiteralSerializer(serializer), value)

    override fun encodeInline(descriptor: SerialDescriptor): Encoder = encoder.encodeInline(descriptor).withLiterals()

    override fun encodeInlineElement(descriptor: SerialDescriptor, index: Int): Encoder =
        encoder.encodeInlineElement(descriptor, index).withLiterals()

    /** The library returns a different encoder for unsigned numbers, which must not be replaced. */
    private fun Encoder.withLiterals(): Encoder =
        if (this === encoder) this@LiteralEncoder else (this as? JsonEncoder)?.let { LiteralEncoder(it) } ?: this

    override fun encodeNull(): Unit = encoder.encodeNull()

    override fun encodeBoolean(value: Boolean): Unit = encoder.encodeBoolean(value)

    override fun encodeByte(value: Byte): Unit = encoder.encodeByte(value)

    override fun encodeShort(value: Short): Unit = encoder.encodeShort(value)

    override fun encodeChar(value: Char): Unit = encoder.encodeChar(value)

    override fun encodeInt(value: Int): Unit = encoder.encodeInt(value)

    override fun encodeLong(value: Long): Unit = encoder.encodeLong(value)

    override fun encodeFloat(value: Float): Unit = encoder.encodeFloat(value)

    override fun encodeDouble(value: Double): Unit = encoder.encodeDouble(value)

    override fun encodeString(value: String): Unit = encoder.encodeString(value)

    override fun encodeEnum(enumDescriptor: SerialDescriptor, index: Int): Unit =
        encoder.encodeEnum(enumDescriptor, index)
}

private fun objectWith(name: String): SerialDescriptor =
    buildClassSerialDescriptor("discriminator") { element<String>(name) }

internal fun SerialDescriptor.isJson(): Boolean = serialName.startsWith("kotlinx.serialization.json.Json")

/** The same tree with numbers as literals that the library writes unchanged. Copies only the changed nodes. */
private fun JsonElement.withLiterals(): JsonElement =
    when (this) {
        is JsonNull -> this
        is JsonPrimitive -> literal()
        is JsonArray -> {
            val items = map { it.withLiterals() }
            if (items.indices.all { items[it] === this[it] }) this else JsonArray(items)
        }
        is JsonObject -> {
            val fields = mapValues { it.value.withLiterals() }
            if (fields.all { (name, value) -> value === this[name] }) this else JsonObject(fields)
        }
    }

@OptIn(ExperimentalSerializationApi::class)
private fun JsonPrimitive.literal(): JsonPrimitive {
    if (isString || !content.isNumber()) return this
    val isKept = content.toLongOrNull()?.toString() == content
    return if (isKept || !JsonNumber.isValid(content)) this else JsonUnquotedLiteral(content)
}

private object JsonNumber {
    private val grammar = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")

    fun isValid(text: String): Boolean = grammar.matches(text)
}
