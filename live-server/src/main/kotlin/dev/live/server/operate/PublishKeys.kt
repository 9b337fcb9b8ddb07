package dev.live.server.operate

import java.security.MessageDigest

/** The keys of backends that may publish. They are compared in constant time, and kept as their digests only. */
internal class PublishKeys(keys: List<String>) {
    private val digests = keys.map(::digest)

    /**
     * Which of the keys [given] is, or -1. All of them are looked at, whole: the time that takes tells nothing of how much
     * of one was right.
     */
    fun indexOf(given: String): Int {
        val digest = digest(given)
        var found = -1
        for (i in digests.indices) if (MessageDigest.isEqual(digests[i], digest)) found = i
        return found
    }

    override fun toString(): String = "PublishKeys(${digests.size})"

    private fun digest(key: String) = MessageDigest.getInstance("SHA-256").digest(key.encodeToByteArray())
}
