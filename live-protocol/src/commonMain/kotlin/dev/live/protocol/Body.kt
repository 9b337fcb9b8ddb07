package dev.live.protocol

import kotlin.io.encoding.Base64
import kotlin.jvm.JvmOverloads
import kotlin.jvm.JvmStatic

/**
 * The payload of a [Message], which live moves and never interprets: opaque bytes or JSON.
 *
 * The kind survives every codec: what a JSON client publishes as JSON reaches a CBOR client as JSON.
 */
public sealed class Body {
    /** Bytes that the payload itself takes, before any codec: for [Json] its UTF-8 form. */
    public abstract val size: Int

    /** A payload of opaque bytes. Immutable: bytes are copied in and out. */
    public class Bytes private constructor(private val bytes: ByteArray) : Body() {
        override val size: Int get() = bytes.size

        /** A copy of the bytes. */
        public fun toByteArray(): ByteArray = bytes.copyOf()

        /** The bytes themselves, for codecs that only read them. */
        internal fun shared(): ByteArray = bytes

        override fun equals(other: Any?): Boolean = other is Bytes && bytes.contentEquals(other.bytes)

        override fun hashCode(): Int = bytes.contentHashCode()

        override fun toString(): String = "$size bytes"

        internal companion object {
            /** Takes [bytes] without a copy: the caller must not keep them. */
            fun owning(bytes: ByteArray): Bytes = Bytes(bytes)
        }
    }

    /**
     * A payload that is JSON, held as its compact text (RFC 8259).
     *
     * @property text one JSON value without white space between its tokens
     */
    public class Json private constructor(public val text: String) : Body() {
        override val size: Int get() = utf8Size(text)

        override fun equals(other: Any?): Boolean = other is Json && text == other.text

        override fun hashCode(): Int = text.hashCode()

        override fun toString(): String = "JSON of ${text.length} characters"

        internal companion object {
            /** Takes [text] that is known to be compact, well-formed JSON. */
            fun trusted(text: String): Json = Json(text)
        }
    }

    public companion object {
        /** A payload of opaque bytes; [bytes] are copied. */
        @JvmStatic
        public fun bytes(bytes: ByteArray): Bytes = Bytes.owning(bytes.copyOf())

        /**
         * A payload of the opaque bytes that [text] encodes in base64 (RFC 4648, section 4): padded, without line breaks.
         *
         * @throws MalformedMessageException if [text] is something else; the reason names the character at fault
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
         * @throws MalformedMessageException if [text] is not one well-formed JSON value, nests deeper than
         *   [DecodeLimits.maxDepth] of [limits], repeats a name in an object, or holds half of a surrogate pair
         */
        @JvmStatic
        @JvmOverloads
        public fun json(text: String, limits: DecodeLimits = DecodeLimits.Default): Json =
            Json.trusted(compactJson(text, limits))
    }
}
