package dev.live.protocol

/** Names of the envelope's fields. All codecs use the same names. */
internal object Field {
    const val TYPE = "type"
    const val TOPIC = "topic"
    const val REF = "ref"
    const val BODY = "body"
    const val DATA = "data"
    const val OFFSET = "offset"
    const val TRACE = "trace"

    /** All field names, the most frequent first. */
    val ALL: Array<String> = arrayOf(TYPE, TOPIC, DATA, REF, BODY, OFFSET, TRACE)
}

internal const val OFFSET_RANGE = "offset must be an integer from 0 to 9223372036854775807"
internal const val TOO_LARGE = "a larger integer"
internal const val ONE_MESSAGE = "send each message as a WebSocket message of its own"

/**
 * Creates the message from the fields of a decoded envelope; null means that a field is absent.
 *
 * @param data compact, well-formed JSON
 * @throws MalformedMessageException if the fields are not a valid message
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
        throw MalformedMessageException("body and data are mutually exclusive; send only one of them")
    }
    val payload = body ?: data?.let { Body.Json.trusted(it) }
    return try {
        Message(type, topic.orEmpty(), ref.orEmpty(), payload, offset, trace.orEmpty())
    } catch (e: IllegalArgumentException) {
        throw MalformedMessageException(e.message ?: "a field is out of its bounds")
    }
}

/** The field names of one envelope. Rejects duplicates, including those of ignored fields. */
internal class FieldNames {
    /** Bit set of the envelope's own names, by their index in [Field.ALL]. */
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
 * Rejects duplicates in [names] from index [first] on.
 *
 * Sorts long lists instead of using a hash set: a client could choose names with colliding hashes, and each lookup
 * would then be a linear search.
 */
internal fun requireDistinct(names: List<String>, first: Int) {
    val isDistinct =
        if (names.size - first <= FEW_NAMES) {
            (first + 1 until names.size).all { i -> (first until i).none { names[it] == names[i] } }
        } else {
            val sorted = names.subList(first, names.size).sorted()
            (1 until sorted.size).none { sorted[it] == sorted[it - 1] }
        }
    if (!isDistinct) throw repeatedName()
}

internal fun repeatedName() = MalformedMessageException("a name occurs twice in an object; $ONCE")

/** Decodes UTF-8; [subject] names the text in the error message. */
internal fun ByteArray.decodeUtf8(subject: String, from: Int = 0, to: Int = size): String {
    // The strict decoder is several times slower. The lenient one marks each error with REPLACEMENT.
    val text = decodeToString(from, to)
    if (text.indexOf(REPLACEMENT) < 0) return text
    return try {
        decodeToString(from, to, throwOnInvalidSequence = true)
    } catch (_: CharacterCodingException) {
        throw MalformedMessageException("$subject is not valid UTF-8; send binary data as body")
    }
}

private const val ONCE = "send each name once"
private const val REPLACEMENT = '\uFFFD'

/** Number of names that are compared with each other without sorting. */
internal const val FEW_NAMES = 16
