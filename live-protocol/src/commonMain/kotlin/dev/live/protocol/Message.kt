package dev.live.protocol

/**
 * One envelope on the wire: a type, a routing key and an opaque payload.
 *
 * Immutable. [toString] omits the payload, so a message is safe to log.
 *
 * @property type the purpose of the message, 1 to [MAX_TYPE_BYTES] bytes of UTF-8; see [MessageType]
 * @property topic the routing key, at most [MAX_TOPIC_BYTES] bytes of UTF-8 without control characters; empty for none
 * @property ref correlation id, chosen by the sender and repeated in the reply, at most [MAX_REF_BYTES] bytes of UTF-8;
 *   empty for none
 * @property body the payload, or null for none
 * @property offset offset in the topic's history, not negative; null on topics without history
 * @property trace W3C trace context: a `traceparent` of at most [MAX_TRACE_BYTES] bytes of UTF-8; empty for none.
 *   Opaque to live; only a [TracedCodec] encodes it
 * @throws IllegalArgumentException if a field is out of bounds; the message names the field
 */
public class Message(
    public val type: String,
    public val topic: String = "",
    public val ref: String = "",
    public val body: Body? = null,
    public val offset: Long? = null,
    public val trace: String = "",
) {
    init {
        requireText("type", type, MAX_TYPE_BYTES)
        require(type.isNotEmpty()) { "type must not be empty" }
        requireText("topic", topic, MAX_TOPIC_BYTES)
        require(topic.none { it.isISOControl() }) { "topic must not contain control characters" }
        requireText("ref", ref, MAX_REF_BYTES)
        require(offset == null || offset >= 0) { "offset must not be negative, was $offset" }
        requireText("trace", trace, MAX_TRACE_BYTES)
    }

    override fun equals(other: Any?): Boolean =
        other is Message && type == other.type && topic == other.topic && ref == other.ref &&
            body == other.body && offset == other.offset && trace == other.trace

    override fun hashCode(): Int {
        var result = type.hashCode()
        result = 31 * result + topic.hashCode()
        result = 31 * result + ref.hashCode()
        result = 31 * result + body.hashCode()
        result = 31 * result + offset.hashCode()
        return 31 * result + trace.hashCode()
    }

    override fun toString(): String =
        buildString {
            append("Message(type=").append(type)
            if (topic.isNotEmpty()) append(", topic=").append(topic)
            if (ref.isNotEmpty()) append(", ref=").append(ref)
            if (body != null) append(", body=").append(body)
            if (offset != null) append(", offset=").append(offset)
            if (trace.isNotEmpty()) append(", trace=").append(trace)
            append(')')
        }

    public companion object {
        /** Maximum size of [type], in bytes of UTF-8. */
        public const val MAX_TYPE_BYTES: Int = 64

        /** Maximum size of [topic], in bytes of UTF-8. */
        public const val MAX_TOPIC_BYTES: Int = 256

        /** Maximum size of [ref], in bytes of UTF-8. */
        public const val MAX_REF_BYTES: Int = 64

        /** Maximum size of [trace], in bytes of UTF-8. Version 00 of `traceparent` has 55; others may have more. */
        public const val MAX_TRACE_BYTES: Int = 64
    }
}

private fun requireText(field: String, text: String, maxBytes: Int) {
    // the length check first: the size of a hostile, very long text is never computed
    val bytes = if (text.length > maxBytes) text.length else utf8Size(text)
    require(bytes >= 0) { "$field is not valid Unicode: it contains an unpaired surrogate" }
    require(bytes <= maxBytes) { "$field must be at most $maxBytes bytes, was $bytes or more" }
}
