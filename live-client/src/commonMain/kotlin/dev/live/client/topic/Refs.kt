package dev.live.client.topic

import dev.live.protocol.Message
import dev.live.protocol.RefPrefix

/**
 * Makes the refs of one client. None is used twice, so an answer that comes late, or on a later connection, is never
 * taken for another's. Only used on the client's dispatcher.
 */
internal class Refs {
    private var last = 0L

    fun next(): String = RefPrefix.CLIENT + (++last).toString(RADIX)

    companion object {
        private const val RADIX = 36
        private const val MAX_KEY_BYTES = Message.MAX_REF_BYTES - 1

        /** Whether what comes with [ref] answers something of this client's: nothing that an application sent raw. */
        fun isOwn(ref: String): Boolean = ref.startsWith(RefPrefix.CLIENT) || ref.startsWith(RefPrefix.KEY)

        /** Whether what comes with [ref] is a request of the server's. */
        fun isServers(ref: String): Boolean = ref.startsWith(RefPrefix.SERVER)

        /** @throws IllegalArgumentException if [ref] is not one for an application to choose */
        fun requireFree(ref: String): Unit =
            require(!isOwn(ref) && !isServers(ref)) { "ref must not begin with '${ref.first()}', was '$ref'" }

        /**
         * The ref that stands for [key].
         *
         * @throws IllegalArgumentException if [key] is empty or longer than 63 bytes
         */
        fun ofKey(key: String): String {
            require(key.isNotEmpty()) { "key must not be empty; without one, leave it out" }
            require(key.encodeToByteArray().size <= MAX_KEY_BYTES) {
                "key must be at most $MAX_KEY_BYTES bytes, was '$key'"
            }
            return RefPrefix.KEY + key
        }
    }
}
