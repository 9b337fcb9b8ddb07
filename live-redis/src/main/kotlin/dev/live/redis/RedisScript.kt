package dev.live.redis

import io.lettuce.core.RedisNoScriptException
import io.lettuce.core.ScriptOutputType
import io.lettuce.core.api.StatefulRedisConnection
import java.security.MessageDigest
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException

internal typealias Commands = StatefulRedisConnection<ByteArray, ByteArray>

/** A script on the keys of one topic. Called by its hash; Redis forgets the script with a restart. */
internal class RedisScript private constructor(private val source: ByteArray) {
    private val hash = MessageDigest.getInstance("SHA-1").digest(source).joinToString("") { "%02x".format(it) }

    /**
     * Calls the script. The caller flushes the connection.
     *
     * @param isAsking whether the slot of the keys is moving to this server, which accepts them only after ASKING
     */
    fun call(
        connection: Commands,
        keys: Array<ByteArray>,
        args: Array<ByteArray>,
        isAsking: Boolean = false,
    ): CompletableFuture<List<Any?>> {
        val commands = connection.async()
        if (isAsking) commands.asking()
        return commands
            .evalsha<List<Any?>>(hash, ScriptOutputType.MULTI, keys, *args)
            .toCompletableFuture()
            .exceptionallyCompose { failure ->
                val cause = if (failure is CompletionException) failure.cause ?: failure else failure
                if (cause !is RedisNoScriptException) return@exceptionallyCompose CompletableFuture.failedFuture(cause)
                if (isAsking) commands.asking()
                val call = commands.eval<List<Any?>>(source, ScriptOutputType.MULTI, keys, *args)
                connection.flushCommands()
                call.toCompletableFuture()
            }
    }

    /** Stores the script in Redis, so that the first call finds it. The caller flushes the connection. */
    fun load(connection: Commands): CompletableFuture<String> =
        connection.async().scriptLoad(source).toCompletableFuture()

    companion object {
        private val Publish = sendBy("PUBLISH", "publish.lua")
        private val PublishSharded = sendBy("SPUBLISH", "publish.lua")
        private val EndEpoch = sendBy("PUBLISH", "end.lua")
        private val EndEpochSharded = sendBy("SPUBLISH", "end.lua")
        val History = RedisScript(resource("head.lua") + resource("history.lua"))
        val Presence = RedisScript(resource("presence.lua"))

        /** The script that stores and publishes, in a sharded channel or not. */
        fun publish(isSharded: Boolean): RedisScript = if (isSharded) PublishSharded else Publish

        /** The script that ends the epoch of a topic, and reports that in a sharded channel or not. */
        fun endEpoch(isSharded: Boolean): RedisScript = if (isSharded) EndEpochSharded else EndEpoch

        /** The scripts of topics. */
        fun all(isSharded: Boolean): List<RedisScript> = listOf(publish(isSharded), History, endEpoch(isSharded))

        private fun sendBy(command: String, name: String): RedisScript {
            val variable = "local send = '$command'\n".encodeToByteArray()
            return RedisScript(variable + resource("head.lua") + resource(name))
        }

        private fun resource(name: String): ByteArray =
            RedisScript::class.java.getResourceAsStream(name)?.use { it.readBytes() }
                ?: error("$name is missing next to RedisScript: was the jar repackaged without resources?")
    }
}

internal fun arg(number: Long): ByteArray = number.toString().encodeToByteArray()

internal fun arg(text: String): ByteArray = text.encodeToByteArray()

internal fun Any?.text(): String = (this as ByteArray).decodeToString()

internal fun Any?.long(): Long = this as Long
