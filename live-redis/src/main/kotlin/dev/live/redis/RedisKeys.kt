package dev.live.redis

import io.lettuce.core.cluster.SlotHash

/**
 * Names of keys and channels. The braces put the keys of one topic into one slot of a cluster, whatever characters its
 * name contains. Channels contain the number of the database: Redis delivers them to clients of all databases.
 */
internal class RedisKeys(namespace: String, database: Int, val isSharded: Boolean = false) {
    private val prefix = "live:$namespace:"
    private val channelPrefix = "$prefix$database/" + if (isSharded) "{$TAG" else ""
    private val channelSuffix = if (isSharded) "}" else ""
    private val channelPrefixSize = channelPrefix.encodeToByteArray().size

    /** A channel and a key that no topic uses, to check permissions. */
    val probe: ByteArray = "${prefix}probe".encodeToByteArray()

    /** The keys of the scripts: meta, stream, publishers. */
    fun keys(topic: String): Array<ByteArray> =
        arrayOf(key(topic, "meta"), key(topic, "stream"), key(topic, "publishers"))

    /** In the slot of the keys if channels are sharded. */
    fun channel(topic: String): ByteArray = (channelPrefix + topic + channelSuffix).encodeToByteArray()

    /** The slot of the keys of [topic] in a cluster. */
    fun slot(topic: String): Int = SlotHash.getSlot((TAG + topic.substringBefore('}')).encodeToByteArray())

    /** The presence of [topic] on [node]: one hash, as a crash of a node must remove only its own members. */
    fun presence(topic: String, node: String): ByteArray = key(topic, "presence:$node")

    /** The heartbeats of all nodes, in the slot of the topic [NODES]. */
    val nodes: ByteArray get() = key(NODES, "nodes")

    /** The topic of [channel], one of [channel]'s results; null if it is another channel. */
    fun topic(channel: ByteArray): String? =
        if (channel.size < channelPrefixSize + channelSuffix.length) {
            null
        } else {
            channel
                .decodeToString()
                .takeIf { it.startsWith(channelPrefix) && it.endsWith(channelSuffix) }
                ?.let { it.substring(channelPrefix.length, it.length - channelSuffix.length) }
        }

    private fun key(topic: String, kind: String) = "$prefix{$TAG$topic}:$kind".encodeToByteArray()

    companion object {
        /** A hash tag must not be empty, as the name of a topic may be. */
        private const val TAG = "t:"

        /** The topic with the slot of [nodes]. No topic has an empty name. */
        const val NODES = ""
    }
}
