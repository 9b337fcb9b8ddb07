package dev.live.server.operate

import io.ktor.http.Parameters
import java.util.PriorityQueue

/**
 * Which rows of a list somebody looks at.
 *
 * @property filter part of what identifies a row, in any case; empty for all
 */
internal class Paging(
    val sort: String,
    val isDescending: Boolean,
    val filter: String,
    val offset: Int,
    val limit: Int,
) {
    /** Whether one of [texts] has [filter] in it. */
    fun admits(vararg texts: String?): Boolean =
        filter.isEmpty() || texts.any { it != null && it.contains(filter, ignoreCase = true) }

    companion object {
        private const val MAX_LIMIT = 200
        private const val MAX_OFFSET = 10_000
        private const val MAX_FILTER = 256

        /**
         * Reads [query]; [sorts] are the columns that there are, the first of them the default.
         *
         * @throws IllegalArgumentException if it asks for more than it may, or for what there is not
         */
        fun of(query: Parameters, sorts: Set<String>): Paging {
            val sort = query["sort"] ?: sorts.first()
            require(sort in sorts) { "sort must be one of ${sorts.joinToString()}, was '$sort'" }
            val order = query["order"] ?: "desc"
            require(order == "asc" || order == "desc") { "order must be asc or desc, was '$order'" }
            val filter = query["filter"].orEmpty()
            require(filter.length <= MAX_FILTER) {
                "filter must be at most $MAX_FILTER characters, was ${filter.length}"
            }
            return Paging(
                sort,
                order == "desc",
                filter,
                number(query, "offset", 0, 0..MAX_OFFSET),
                number(query, "limit", default = 50, 1..MAX_LIMIT),
            )
        }

        private fun number(query: Parameters, name: String, default: Int, bounds: IntRange): Int {
            val text = query[name] ?: return default
            return requireNotNull(text.toIntOrNull()?.takeIf { it in bounds }) {
                "$name must be ${bounds.first} to ${bounds.last}, was '$text'; filter to see other rows"
            }
        }
    }
}

/** @property matched how many rows there are on all pages */
internal class Page<T>(val rows: List<T>, val matched: Int)

/** The rows that [paging] asks for, of [all] in [order], without keeping or sorting those behind them. */
internal fun <T> pageOf(all: Iterable<T>, order: Comparator<T>, paging: Paging): Page<T> {
    val wanted = if (paging.isDescending) order.reversed() else order
    val end = paging.offset + paging.limit
    val best = PriorityQueue(end + 1, wanted.reversed())
    var matched = 0
    for (row in all) {
        matched++
        best += row
        if (best.size > end) best.poll()
    }
    return Page(best.sortedWith(wanted).drop(paging.offset), matched)
}
