package dev.live.server.operate

import io.ktor.http.Parameters
import java.util.PriorityQueue

/**
 * Selects the rows of a list.
 *
 * @property filter text that a row's identifiers must contain, ignoring case; empty for all rows
 */
internal class Paging(
    val sort: String,
    val isDescending: Boolean,
    val filter: String,
    val offset: Int,
    val limit: Int,
) {
    /** Whether one of [texts] contains [filter]. */
    fun matches(vararg texts: String?): Boolean =
        filter.isEmpty() || texts.any { it != null && it.contains(filter, ignoreCase = true) }

    companion object {
        private const val MAX_LIMIT = 200
        private const val MAX_OFFSET = 10_000
        private const val MAX_FILTER = 256

        /**
         * Reads [query]; [sorts] are the sortable columns, the first is the default.
         *
         * @throws IllegalArgumentException if a parameter is unknown or out of range
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
                "$name must be ${bounds.first} to ${bounds.last}, was '$text'. Use filter to find other rows."
            }
        }
    }
}

/** @property matched number of matching rows on all pages */
internal class Page<T>(val rows: List<T>, val matched: Int)

/** The rows of [all] selected by [paging], in [order]. Does not store or sort the rows after the page. */
internal fun <T> pageOf(all: Iterable<T>, order: Comparator<T>, paging: Paging): Page<T> {
    val directed = if (paging.isDescending) order.reversed() else order
    val end = paging.offset + paging.limit
    val first = PriorityQueue(end + 1, directed.reversed())
    var matched = 0
    for (row in all) {
        matched++
        first += row
        if (first.size > end) first.poll()
    }
    return Page(first.sortedWith(directed).drop(paging.offset), matched)
}
