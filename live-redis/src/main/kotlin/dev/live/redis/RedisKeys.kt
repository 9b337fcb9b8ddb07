package dev.live.redis

/**
 * Names of keys and channels. The braces put the keys of one topic into one slot of a cluster, whatever characters its
 * name contains. Channels contain the number of the database: Redis delivers them to clients of all databases.
 */
internal class RedisKeys(namespace: String, database: Int) {
    private val prefix = "live:$namespace:"
    private val channelPrefix = "$prefix$database/"
    private val channelPrefixSize = channelPrefix.encodeToByteArray().size

    /** A channel and a key that no topic uses, to check permissions. */
    val probe: ByteArray = "${prefix}probe".encodeToByteArray()

    /** The keys of the scripts: meta, stream, publishers. */
    fun keys(topic: String): Array<ByteArray> =
        arrayOf(key(topic, "meta"), key(topic, "stream"), key(topic, "publishers"))

    /** The presence of [topic] on [node]: one hash, as a crash of a node must remove only its own members. */
    fun presence(topic: String, node: String): ByteArray = key(topic, "presence:$node")

    /** The heartbeats of all nodes. */
    val nodes: ByteArray = "${prefix}nodes".encodeToByteArray()

    fun channel(topic: String): ByteArray = (channelPrefix + topic).encodeToByteArray()

    /** The topic of [channel], one of [channel]'s results; null if it is another channel. */
    fun topic(channel: ByteArray): String? =
        if (channel.size < channelPrefixSize) {
            null
        } else {
            channel.decodeToString().takeIf { it.startsWith(channelPrefix) }?.substring(channelPrefix.length)
        }

    private fun key(topic: String, kind: String) = "$prefix{t:$topic}:$kind".encodeToByteArray()
}
