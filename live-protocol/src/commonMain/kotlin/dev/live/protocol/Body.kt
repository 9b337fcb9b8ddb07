package dev.live.protocol

import kotlin.io.encoding.Base64
import kotlin.jvm.JvmOverloads
import kotlin.jvm.JvmStatic

/**
 * The payload of a [Message]: opaque bytes or JSON. live transports payloads and never interprets them.
 *
 * Every codec keeps the kind of payload: JSON that a JSON client publishes reaches a CBOR client as JSON.
 */
public sealed class Body {
    /** Size of the payload in bytes, before encoding by a codec. For [Json]: the size of its UTF-8 form. */
    public abstract val size: Int

    /** A payload of opaque bytes. Immutable: the factory and [toByteArray] copy the bytes. */
    public class Bytes private constructor(private val bytes: ByteArray) : Body() {
        override val size: Int get() = bytes.size

        /** A copy of the bytes. */
        public fun toByteArray(): ByteArray = bytes.copyOf()

        /** The backing array without a copy, for codecs that only read it. */
        internal fun shared(): ByteArray = bytes

        override fun equals(other: Any?): Boolean = other is Bytes && bytes.contentEquals(other.bytes)

        override fun hashCode(): Int = bytes.contentHashCode()

        override fun toString(): String = "$size bytes"

        internal companion object {
            /** Wraps [bytes] without a copy. The caller must not use the array afterwards. */
            fun owning(bytes: ByteArray): Bytes = Bytes(bytes)
        }
    }

    /**
     * A JSON payload (RFC 8259), stored as compact text.
     *
     * @property text one JSON value without white space between tokens
     */
    public class Json private constructor(public val text: String) : Body() {
        override val size: Int get() = utf8Size(text)

        override fun equals(other: Any?): Boolean = other is Json && text == other.text

        override fun hashCode(): Int = text.hashCode()

        override fun toString(): String = "JSON of ${text.length} characters"

        internal companion object {
            /** Wraps [text] without a check. The caller guarantees that it is compact, well-formed JSON. */
            fun trusted(text: String): Json = Json(text)
        }
    }

    public companion object {
        /** A payload of opaque bytes. Copies [bytes]. */
        @JvmStatic
        public fun bytes(bytes: ByteArray): Bytes = Bytes.owning(bytes.copyOf())

        /**
         * A payload of opaque bytes, decoded from base64 (RFC 4648, section 4) with padding and without line breaks.
         *
         * @throws MalformedMessageException if [text] is not such base64; the reason names the invalid character
         */
        @JvmStatic
        public fun base64(text: String): Bytes =
            try {
                Bytes.owning(Base64.decode(text))
            } catch (_: IllegalArgumentException) {
                throw MalformedMessageException("body ${base64Problem(text)}")
            }

        /**
         * A payload of the JSON value in [text].
         *
         * @throws MalformedMessageException if [text] is not exactly one well-formed JSON value, nests deeper than
         *   [DecodeLimits.maxDepth] of [limits], repeats a name in an object, or contains an unpaired surrogate
         */
        @JvmStatic
        @JvmOverloads
        public fun json(text: String, limits: DecodeLimits = DecodeLimits.Default): Json =
            Json.trusted(compactJson(text, limits))

        /**
         * A payload of the JSON value in [text], without the check of [json]. For JSON that an encoder has just written
         * and that is published often.
         *
         * The caller guarantees that [text] is one well-formed JSON value without white space between tokens, without
         * repeated names in an object and without unpaired surrogates. Otherwise clients reject the messages that
         * contain it.
         */
        @JvmStatic
        @DelicateLiveApi
        public fun uncheckedJson(text: String): Json = Json.trusted(text)
    }
}
