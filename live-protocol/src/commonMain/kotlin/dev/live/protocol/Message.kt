package dev.live.protocol

/**
 * One envelope on the wire: what it is for, where it goes, and an opaque payload.
 *
 * Immutable. [toString] leaves the payload out, so a message may be logged.
 *
 * @property type what the message is for, 1 to [MAX_TYPE_BYTES] bytes of UTF-8; see [MessageType] for the conventional ones
 * @property topic the routing key, at most [MAX_TOPIC_BYTES] bytes of UTF-8 without control characters; empty for none
 * @property ref chosen by the client and carried back by every answer, at most [MAX_REF_BYTES] bytes of UTF-8; empty for none
 * @property body the payload, or null for none
 * @property offset place in the topic's history, not negative; null on topics that keep none
 * @property trace what the message is a part of, as a `traceparent` of W3C Trace Context, at most [MAX_TRACE_BYTES] bytes of
 *   UTF-8; empty for none. Opaque here, and written by a [TracedCodec] alone
 * @throws IllegalArgumentException if a field is out of its bounds; the message names the field
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
        /** Longest [type], in bytes of UTF-8. */
        public const val MAX_TYPE_BYTES: Int = 64

        /** Longest [topic], in bytes of UTF-8. */
        public const val MAX_TOPIC_BYTES: Int = 256

        /** Longest [ref], in bytes of UTF-8. */
        public const val MAX_REF_BYTES: Int = 64

        /** Longest [trace], in bytes of UTF-8: version 00 of `traceparent` has 55, and another one may have a few more. */
        public const val MAX_TRACE_BYTES: Int = 64
    }
}

private fun requireText(field: String, text: String, maxBytes: Int) {
    // the first test keeps a hostile length from being walked at all
    val bytes = if (text.length > maxBytes) text.length else utf8Size(text)
    require(bytes >= 0) { "$field is not valid Unicode: it holds half of a surrogate pair" }
    require(bytes <= maxBytes) { "$field must be at most $maxBytes bytes, was $bytes or more" }
}
