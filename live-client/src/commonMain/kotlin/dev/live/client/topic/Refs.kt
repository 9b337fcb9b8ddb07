package dev.live.client.topic

/**
 * Makes the refs of one client. None is used twice, so an answer that comes late, or on a later connection, is never
 * taken for another's. Only used on the client's dispatcher.
 */
internal class Refs {
    private var last = 0L

    fun next(): String = PREFIX + (++last).toString(RADIX)

    companion object {
        /** Sets the client's refs apart from those that an application chooses for raw messages. */
        const val PREFIX = "~"
        private const val RADIX = 36

        fun isOwn(ref: String): Boolean = ref.startsWith(PREFIX)
    }
}
