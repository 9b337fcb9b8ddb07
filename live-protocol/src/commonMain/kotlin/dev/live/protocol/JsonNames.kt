package dev.live.protocol

/**
 * The names of all open objects of a JSON [text], outermost first.
 *
 * Stores the place of a name instead of its text: most names are only compared with the few others of their object.
 */
internal class JsonNames(private val text: String) {
    /** Per name: start and end of its content in [text]. The end of a name with escapes is inverted. */
    private var places = IntArray(16)

    /** Number of names. */
    var size = 0
        private set

    /** Adds the name whose content is in the text from [start] until [end]. */
    fun add(start: Int, end: Int, hasEscapes: Boolean) {
        if (size * 2 == places.size) places = places.copyOf(size * 4)
        places[size * 2] = start
        places[size * 2 + 1] = if (hasEscapes) end.inv() else end
        size++
    }

    /**
     * Removes the names of an object, which are those from index [first] on.
     *
     * @throws MalformedMessageException if one of them occurs twice
     */
    fun removeDistinct(first: Int) {
        if (size - first > FEW_NAMES || hasEscapes(first)) {
            requireDistinct(List(size - first) { name(first + it) }, 0)
        } else {
            for (i in first + 1 until size) for (j in first until i) if (isSame(i, j)) throw repeatedName()
        }
        size = first
    }

    private fun hasEscapes(first: Int): Boolean {
        for (i in first until size) if (places[i * 2 + 1] < 0) return true
        return false
    }

    /** Whether two names without escapes are equal. */
    private fun isSame(a: Int, b: Int): Boolean {
        val length = length(a)
        return length == length(b) && text.regionMatches(places[a * 2], text, places[b * 2], length)
    }

    private fun length(index: Int): Int = places[index * 2 + 1] - places[index * 2]

    private fun name(index: Int): String {
        val start = places[index * 2]
        val end = places[index * 2 + 1]
        return if (end < 0) unescape(text, start, end.inv()) else text.substring(start, end)
    }
}
