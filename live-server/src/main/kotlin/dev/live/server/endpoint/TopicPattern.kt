package dev.live.server.endpoint

/**
 * A pattern of topic names: segments between slashes, each literal or a `{parameter}` that stands for one segment that
 * is not empty; the last may be `{parameter...}`, for all that remains.
 *
 * @throws IllegalArgumentException if [text] is not such a pattern
 */
internal class TopicPattern(private val text: String) {
    private val segments = text.split('/').map(::segment)

    init {
        require(text.isNotEmpty()) { "a topic pattern must not be empty" }
        val names = segments.mapNotNull { it.parameter }
        require(names.size == names.toSet().size) { "topic pattern '$text' names a parameter twice" }
        require(
            segments.dropLast(1).none {
                it.isTail
            },
        ) { "topic pattern '$text': only the last segment may end in '...}'" }
    }

    /** Equal for patterns that match the same names. */
    val shape: String =
        segments.joinToString("/") {
            if (it.isTail) {
                "{...}"
            } else if (it.parameter != null) {
                "{}"
            } else {
                it.literal
            }
        }

    /** Orders patterns that match one name: literal segments win over parameters, and those over a tail. */
    val specificity: String =
        segments.joinToString("") {
            if (it.isTail) {
                "2"
            } else if (it.parameter != null) {
                "1"
            } else {
                "0"
            }
        }

    /** The parameters of [name], or null if it does not match. */
    fun match(name: String): TopicParameters? {
        val values = HashMap<String, String>()
        var start = 0
        for ((i, segment) in segments.withIndex()) {
            if (start > name.length) return null
            val end = if (segment.isTail) {
                name.length
            } else {
                name.indexOf('/', start).let {
                    if (it <
                        0
                    ) {
                        name.length
                    } else {
                        it
                    }
                }
            }
            val value = name.substring(start, end)
            if (segment.parameter == null) {
                if (value != segment.literal) return null
            } else {
                if (value.isEmpty()) return null
                values[segment.parameter] = value
            }
            start = end + 1
            if (i == segments.lastIndex && end != name.length) return null
        }
        return TopicParameters(text, values)
    }

    override fun toString(): String = text

    private fun segment(part: String): Segment {
        val isParameter = part.startsWith('{') && part.endsWith('}')
        require(isParameter || part.none { it in "{}" }) {
            "topic pattern '$text': a parameter must be a whole segment, was '$part'"
        }
        if (!isParameter) return Segment(part, parameter = null, isTail = false)
        val name = part.substring(1, part.length - 1)
        val plain = name.removeSuffix("...")
        require(plain.isNotEmpty() && plain.all { it.isLetterOrDigit() || it == '_' }) {
            "topic pattern '$text': a parameter's name must be letters, digits and '_', was '$plain'"
        }
        return Segment(literal = "", plain, isTail = plain != name)
    }

    private class Segment(val literal: String, val parameter: String?, val isTail: Boolean)
}

/** The values that a topic's name has for the parameters of its pattern. */
public class TopicParameters internal constructor(
    private val pattern: String,
    private val values: Map<String, String>,
) {
    /**
     * The value of the parameter [name], never empty.
     *
     * @throws IllegalArgumentException if the pattern has no such parameter
     */
    public operator fun get(name: String): String =
        requireNotNull(values[name]) { "topic pattern '$pattern' has no parameter '$name'; it has ${values.keys}" }

    override fun toString(): String = values.toString()
}
