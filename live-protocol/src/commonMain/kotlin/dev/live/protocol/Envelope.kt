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
internal const val TOO_LARGE = "larger"
internal const val ONE_MESSAGE = "send each message as a WebSocket message of its own"

/**
 * The message that the fields of a decoded envelope make up; null stands for a field that is absent.
 *
 * @param data compact, well-formed JSON
 * @throws MalformedMessageException if they make up none
 */
internal fun messageOf(
    type: String?,
    topic: String?,
    ref: String?,
    body: Body.Bytes?,
    data: String?,
    offset: Long?,
    trace: String?,
): Message {
    if (type == null) throw MalformedMessageException("type is missing")
    if (body != null && data != null) {
        throw MalformedMessageException("body and data exclude each other; send one of them")
    }
    val payload = body ?: data?.let { Body.Json.trusted(it) }
    return try {
        Message(type, topic.orEmpty(), ref.orEmpty(), payload, offset, trace.orEmpty())
    } catch (e: IllegalArgumentException) {
        throw MalformedMessageException(e.message ?: "a field is out of its bounds")
    }
}

/** The names of the fields of one envelope: none may occur twice, not even one that is ignored. */
internal class FieldNames {
    /** A bit for each of the envelope's own names. */
    private var known = 0
    private var others: ArrayList<String>? = null

    operator fun plusAssign(name: String) {
        val index = Field.ALL.indexOf(name)
        if (index < 0) {
            val names = others ?: ArrayList<String>().also { others = it }
            names += name
        } else {
            val bit = 1 shl index
            if (known and bit != 0) throw MalformedMessageException("$name occurs twice in the message; $ONCE")
            known = known or bit
        }
    }

    fun requireDistinct() {
        others?.let { requireDistinct(it, 0) }
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
    if (!isDistinct) throw MalformedMessageException("a name occurs twice in an object; $ONCE")
}

/** The text of [what] in these bytes. */
internal fun ByteArray.decodeUtf8(what: String, from: Int = 0, to: Int = size): String {
    // the strict decoder takes several times as long; the other one puts this character wherever something is wrong
    val text = decodeToString(from, to)
    if (text.indexOf(REPLACEMENT) < 0) return text
    return try {
        decodeToString(from, to, throwOnInvalidSequence = true)
    } catch (_: CharacterCodingException) {
        throw MalformedMessageException("$what is not valid UTF-8; send bytes that are no text as body")
    }
}

private const val ONCE = "send each name once"
private const val REPLACEMENT = '\uFFFD'
private const val FEW_NAMES = 16
