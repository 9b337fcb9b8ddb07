package dev.live.server.config

import kotlin.time.Duration

/**
 * How the values of one type are written in a configuration file. A list is text separated by commas, because an
 * environment variable cannot hold a list.
 *
 * @property expected description of the notation, for error messages
 * @property values description of the values, for the table in docs/configuration.md; null if the check describes them
 * @property parse returns null for text that is not [expected], or throws [IllegalArgumentException] with the reason
 */
internal class Notation<T>(
    val expected: String,
    val values: String? = null,
    val write: (T) -> String = { it.toString() },
    val parse: (String) -> T?,
) {
    companion object {
        private const val UNLIMITED = "unlimited"

        val Count: Notation<Int> = Notation("a whole number") { it.toIntOrNull() }

        val LongCount: Notation<Long> = Notation("a whole number") { it.toLongOrNull() }

        /** A count for which [Int.MAX_VALUE] means no limit. */
        val Limit: Notation<Int> =
            Notation(
                "a whole number or '$UNLIMITED'",
                write = { if (it == Int.MAX_VALUE) UNLIMITED else "$it" },
                parse = { if (it == UNLIMITED) Int.MAX_VALUE else it.toIntOrNull() },
            )

        val Time: Notation<Duration> =
            Notation("a duration such as '10s', '500ms' or '1m 30s'") { Duration.parseOrNull(it) }

        val TimeRange: Notation<ClosedRange<Duration>> =
            Notation("two durations such as '0s..5s'", "two durations") { text ->
                val ends = text.split("..").map { Duration.parseOrNull(it.trim()) }
                val (first, last) = ends.takeIf { it.size == 2 } ?: listOf(null, null)
                if (first == null || last == null) null else first..last
            }

        val Flag: Notation<Boolean> =
            Notation("true or false", "`true`, `false`") { it.lowercase().toBooleanStrictOrNull() }

        /** A list of values that [element] parses. */
        fun <T> list(values: String, write: (T) -> String, element: (String) -> T): Notation<List<T>> =
            Notation("a list", values, { list -> list.joinToString { write(it) }.ifEmpty { "none" } }) { text ->
                text.split(',').map { it.trim() }.filter { it.isNotEmpty() }.map(element)
            }
    }
}
