package dev.live.redis

import io.lettuce.core.RedisException
import io.lettuce.core.RedisFuture
import kotlinx.coroutines.future.await

/** Subscribes to the channels of interests, sharded or not. Callers are in one coroutine for each connection. */
internal class ChannelCommands(private val keys: RedisKeys) {
    /** A command, and the interests that it concerns. */
    class Call(val interests: List<Interest>, val result: RedisFuture<Void>)

    fun subscribe(connection: Channels, interests: List<Interest>): List<Call> =
        call(connection, interests) { channels ->
            if (keys.isSharded) async().ssubscribe(*channels) else async().subscribe(*channels)
        }

    fun unsubscribe(connection: Channels, interests: List<Interest>): List<Call> =
        call(connection, interests) { channels ->
            if (keys.isSharded) async().sunsubscribe(*channels) else async().unsubscribe(*channels)
        }

    /** Number of channels that Redis has for [connection]; null if it does not answer that. */
    suspend fun count(connection: Channels): Int? =
        try {
            val info = connection.async().clientInfo().await()
            (if (keys.isSharded) SHARDED_COUNT else COUNT).find(info)?.groupValues?.get(1)?.toInt()
        } catch (_: RedisException) {
            // the permission is missing, or the connection is lost, which its probe notices
            null
        }

    /** Sharded channels of different slots need a command each; all of them go out in one write. */
    private fun call(
        connection: Channels,
        interests: List<Interest>,
        command: Channels.(Array<ByteArray>) -> RedisFuture<Void>,
    ): List<Call> {
        val parts =
            if (keys.isSharded) interests.groupBy { keys.slot(it.topic) }.values else listOf(interests)
        if (parts.size == 1) return parts.map { Call(it, connection.command(channels(it))) }
        connection.setAutoFlushCommands(false)
        try {
            return parts.map { Call(it, connection.command(channels(it))) }.also { connection.flushCommands() }
        } finally {
            connection.setAutoFlushCommands(true)
        }
    }

    private fun channels(interests: List<Interest>) = Array(interests.size) { keys.channel(interests[it].topic) }

    private companion object {
        val COUNT = Regex(" sub=(\\d+)")
        val SHARDED_COUNT = Regex(" ssub=(\\d+)")
    }
}
