package dev.live.redis

import io.lettuce.core.pubsub.RedisPubSubAdapter
import io.lettuce.core.pubsub.RedisPubSubListener

/** The users of the connections with channels. Created later than those, because they need them. */
internal class ChannelEvents(private val inbox: Inbox, private val interests: () -> Interests) {
    /** The listeners of a new [connection]. */
    fun listeners(connection: Channels): List<RedisPubSubListener<ByteArray, ByteArray>> =
        listOf(inbox, LostChannels(connection))

    /** @throws RedisSetupException if [connection] has lost channels */
    suspend fun check(connection: Channels): Unit = interests().check(connection)

    /** Notices sharded channels that Redis unsubscribes from, because their slot has moved. */
    private inner class LostChannels(private val connection: Channels) : RedisPubSubAdapter<ByteArray, ByteArray>() {
        override fun sunsubscribed(shardChannel: ByteArray, count: Long) {
            interests().unsubscribed(connection, shardChannel)
        }
    }
}
