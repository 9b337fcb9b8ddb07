package dev.live.server.operate

import java.security.MessageDigest

/** The keys of backends that may publish. Only their digests are stored, and they are compared in constant time. */
internal class PublishKeys(keys: List<String>) {
    private val digests = keys.map(::digest)

    /**
     * The index of [key], or -1. Always compares all keys completely, so that the timing does not reveal how much of a
     * key was correct.
     */
    fun indexOf(key: String): Int {
        val digest = digest(key)
        var found = -1
        for (i in digests.indices) if (MessageDigest.isEqual(digests[i], digest)) found = i
        return found
    }

    override fun toString(): String = "PublishKeys(${digests.size})"

    private fun digest(key: String) = MessageDigest.getInstance("SHA-256").digest(key.encodeToByteArray())
}
