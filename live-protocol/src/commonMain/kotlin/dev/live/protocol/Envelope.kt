package dev.live.protocol

/** Names of the envelope's fields, the same in every codec. */
internal object Field {
    const val TYPE = "type"
    const val TOPIC = "topic"
    const val REF = "ref"
    const val BODY = "body"
    const val DATA = "data"
    const val OFFSET = "offset"
    const val TRACE = "trace"

    /** All of them, the most frequent first. */
    val ALL: Array<String> = arrayOf(TYPE, TOPIC, DATA, REF, BODY, OFFSET, TRACE)
}

internal const val OFFSET_RANGE = "offset must be an integer from 0 to 9223372036854775807"

/**
 * The message that the fields of a decoded envelope make up.
 *
 * @param body bytes that nobody else keeps
 * @param data compact, well-formed JSON
 * @throws MalformedMessageException if they make up none
 */
internal fun messageOf(
    type: String?,
    topic: String,
    ref: String,
    body: ByteArray?,
    data: String?,
    offset: Long?,
    trace: String,
): Message {
    if (type == null) throw MalformedMessageException("type is missing")
    if (body != null && data != null) throw MalformedMessageException("body and data exclude each other")
    val payload = body?.let { Body.Bytes.owning(it) } ?: data?.let { Body.Json.trusted(it) }
    return try {
        Message(type, topic, ref, payload, offset, trace)
    } catch (e: IllegalArgumentException) {
        throw MalformedMessageException(e.message ?: "a field is out of its bounds")
    }
}

/**
 * Refuses two equal names among those of [names] from [first] on.
 *
 * Sorts, where there are many: a hash set degrades to a walk over all of them when a client picks names whose hashes
 * collide.
 */
internal fun requireDistinct(names: List<String>, first: Int) {
    val isDistinct =
        if (names.size - first <= FEW_NAMES) {
            (first + 1 until names.size).all { i -> (first until i).none { names[it] == names[i] } }
        } else {
            val sorted = names.subList(first, names.size).sorted()
            (1 until sorted.size).none { sorted[it] == sorted[it - 1] }
        }
    if (!isDistinct) throw nameTwice()
}

internal fun nameTwice() = MalformedMessageException("a name occurs twice in an object")

/** The text in these bytes. */
internal fun ByteArray.decodeUtf8(from: Int = 0, to: Int = size): String {
    // the strict decoder takes several times as long; the other one puts this character wherever something is wrong
    val text = decodeToString(from, to)
    if (text.indexOf(REPLACEMENT) < 0) return text
    return try {
        decodeToString(from, to, throwOnInvalidSequence = true)
    } catch (_: CharacterCodingException) {
        throw MalformedMessageException("text is not valid UTF-8")
    }
}

private const val REPLACEMENT = '\uFFFD'
private const val FEW_NAMES = 16
