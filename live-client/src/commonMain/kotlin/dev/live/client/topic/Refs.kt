package dev.live.client.topic

import dev.live.protocol.Message
import dev.live.protocol.RefPrefix

/**
 * Generates the refs of one client. Refs are never reused, so a reply that arrives late, or on a later connection,
 * cannot match another request. Only used on the client's dispatcher.
 */
internal class Refs {
    private var last = 0L

    fun next(): String = RefPrefix.CLIENT + (++last).toString(RADIX)

    companion object {
        private const val RADIX = 36
        private const val MAX_KEY_BYTES = Message.MAX_REF_BYTES - 1

        /** Whether this client generated [ref], as opposed to a ref that the application set on a raw message. */
        fun isGenerated(ref: String): Boolean = ref.startsWith(RefPrefix.CLIENT) || ref.startsWith(RefPrefix.KEY)

        /** Whether [ref] belongs to a request of the server. */
        fun isServerRequest(ref: String): Boolean = ref.startsWith(RefPrefix.SERVER)

        /** @throws IllegalArgumentException if [ref] has a reserved prefix */
        fun requireUnreserved(ref: String): Unit =
            require(!isGenerated(ref) && !isServerRequest(ref)) {
                "ref must not begin with the reserved prefix '${ref.first()}', was '$ref'"
            }

        /**
         * The ref of the idempotency key [key].
         *
         * @throws IllegalArgumentException if [key] is empty or over 63 bytes of UTF-8
         */
        fun ofKey(key: String): String {
            require(key.isNotEmpty()) { "key must not be empty. Omit it to send without a key." }
            val size = key.encodeToByteArray().size
            require(size <= MAX_KEY_BYTES) { "key must be at most $MAX_KEY_BYTES bytes of UTF-8, was $size" }
            return RefPrefix.KEY + key
        }
    }
}
