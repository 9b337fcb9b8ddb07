package dev.live.server.topic

/**
 * A pattern of topic names: segments between slashes, each a literal or a `{parameter}` that matches one non-empty
 * segment. The last segment may be `{parameter...}`, which matches the remaining segments. A parameter may have a
 * literal prefix: `sync:{scope}`.
 *
 * @throws IllegalArgumentException if [text] is not a valid pattern
 */
internal class TopicPattern(private val text: String) {
    private val segments = text.split('/').map(::segment)

    init {
        require(text.isNotEmpty()) { "a topic pattern must not be empty" }
        val names = segments.mapNotNull { it.parameter }
        require(names.size == names.toSet().size) { "topic pattern '$text' uses a parameter name twice" }
        require(segments.dropLast(1).none { it.isTail }) {
            "topic pattern '$text': only the last segment may end in '...}'"
        }
    }

    /** Equal for patterns that match the same names. */
    val shape: String =
        segments.joinToString("/") {
            if (it.isTail) {
                "${it.literal}{...}"
            } else if (it.parameter != null) {
                "${it.literal}{}"
            } else {
                it.literal
            }
        }

    /**
     * Sort key for patterns that match the same name. Precedence of segments: literals, parameters with a literal
     * prefix (longest prefix first), parameters, tail parameters.
     */
    val specificity: String =
        segments.joinToString("") {
            when {
                it.parameter == null -> "0"
                it.literal.isNotEmpty() -> "1" + Char(Char.MAX_VALUE.code - it.literal.length) +
                    (if (it.isTail) "3" else "2")
                it.isTail -> "3"
                else -> "2"
            }
        }

    /** The parameters of [name], or null if it does not match. */
    fun match(name: String): TopicParameters? = if (matches(name)) parametersOf(name) else null

    /** The parameters of [name], which must match. */
    fun parametersOf(name: String): TopicParameters = TopicParameters(this, name)

    fun matches(name: String): Boolean {
        var end = -1
        for (segment in segments) {
            end = segment.endIn(name, end + 1)
            if (end < 0) return false
        }
        return end == name.length
    }

    /** The value of [parameter] in [name], which must match; null if the pattern has no such parameter. */
    fun value(parameter: String, name: String): String? {
        var end = -1
        for (segment in segments) {
            val start = end + 1
            end = segment.endIn(name, start)
            if (segment.parameter == parameter) return name.substring(start + segment.literal.length, end)
        }
        return null
    }

    /** The parameter names, in order. */
    val parameters: List<String> get() = segments.mapNotNull { it.parameter }

    override fun toString(): String = text

    private fun segment(part: String): Segment {
        val literal = part.substringBefore('{')
        val isParameter = literal.length < part.length && part.endsWith('}') && '}' !in literal
        require(isParameter || part.none { it in "{}" }) {
            "topic pattern '$text': a parameter must be at the end of its segment, was '$part'"
        }
        if (!isParameter) return Segment(part, parameter = null, isTail = false)
        val name = part.substring(literal.length + 1, part.length - 1)
        val plain = name.removeSuffix("...")
        require(plain.isNotEmpty() && plain.all { it.isLetterOrDigit() || it == '_' }) {
            "topic pattern '$text': a parameter name must consist of letters, digits and '_', was '$plain'"
        }
        return Segment(literal, plain, isTail = plain != name)
    }

    private class Segment(val literal: String, val parameter: String?, val isTail: Boolean) {
        /** The end index of this segment in [name], starting at [start]; -1 if it does not match. */
        fun endIn(name: String, start: Int): Int {
            if (start > name.length) return -1
            val slash = if (isTail) -1 else name.indexOf('/', start)
            val end = if (slash < 0) name.length else slash
            val isMatch =
                if (parameter == null) {
                    end - start == literal.length && name.startsWith(literal, start)
                } else {
                    end - start > literal.length && name.startsWith(literal, start)
                }
            return if (isMatch) end else -1
        }
    }
}

/** The values of the pattern's parameters in a topic name. */
public class TopicParameters internal constructor(
    private val pattern: TopicPattern,
    private val topic: String,
) {
    /**
     * The value of the parameter [name], never empty.
     *
     * @throws IllegalArgumentException if the pattern has no such parameter
     */
    public operator fun get(name: String): String =
        // extracted on demand: most handlers read none or one of several
        requireNotNull(pattern.value(name, topic)) {
            "topic pattern '$pattern' has no parameter '$name'; it has ${pattern.parameters}"
        }

    override fun toString(): String = pattern.parameters.associateWith { get(it) }.toString()
}
