package dev.live.redis

import io.lettuce.core.RedisCommandExecutionException
import kotlinx.coroutines.TimeoutCancellationException
import java.net.ConnectException
import java.net.UnknownHostException
import java.nio.channels.ClosedChannelException
import java.util.concurrent.TimeoutException

/** Redis answers, but this broker cannot use it as it is set up. [message] is a sentence with the way out. */
internal class RedisSetupException(override val message: String) : Exception(message)

/** A sentence for operators that says why Redis at [address] cannot be used, with the way out if it is known. */
internal fun describeFailure(address: String, failure: Throwable): String {
    val causes = generateSequence(failure) { it.cause }.take(MAX_CAUSES).toList()
    causes.firstOrNull { it is RedisSetupException }?.let { return it.message.orEmpty() }
    causes.firstOrNull { it is RedisCommandExecutionException }?.let {
        return describeReply(address, it.message.orEmpty())
    }
    return when {
        causes.any { it is UnknownHostException } ->
            "The host of Redis at $address is unknown. Check the URL and the DNS."
        causes.any { it is ConnectException } ->
            "Redis at $address does not accept connections. Is it running, and is the port right?"
        causes.any { it is TimeoutException || it is TimeoutCancellationException } ->
            "Redis at $address does not answer."
        causes.any { it.message.orEmpty().contains("reset") } ->
            "The connection to Redis at $address was reset. If every attempt fails, its port may require TLS, which " +
                "is not supported yet."
        causes.any { it is ClosedChannelException || CLOSED.containsMatchIn(it.message.orEmpty()) } ->
            "The connection to Redis at $address was closed by Redis or the network."
        else -> "The connection to Redis at $address failed: ${causes.last().message ?: causes.last()}"
    }
}

private fun describeReply(address: String, reply: String): String {
    val (problem, advice) =
        when (reply.substringBefore(' ')) {
            "WRONGPASS" ->
                "rejects the user name or password" to "Check the URL: redis://user:password@host:port."
            "NOAUTH" -> "requires a password" to "Add it to the URL: redis://user:password@host:port."
            "NOPERM" ->
                "denies a permission" to "The user needs the keys ~live:* and the channels &live:*, and the commands " +
                    "of live: ACL SETUSER name ~live:* &live:* +@all -@dangerous +info."
            "READONLY" -> "is a replica" to "Use the address of its master."
            "OOM" -> "has reached its maxmemory" to "Raise it, or shorten the histories of the topics."
            "MISCONF" -> "cannot write its snapshot" to "Repair its disk, or set stop-writes-on-bgsave-error no."
            "LOADING" -> "is loading its data" to "It can be used soon."
            else -> "answered with an error" to ""
        }
    return "Redis at $address $problem ($reply). $advice".trimEnd()
}

/** Whether [failure] is an answer of Redis, as opposed to a lost connection: the command was not executed. */
internal fun isReply(failure: Throwable): Boolean =
    generateSequence(failure) { it.cause }.take(MAX_CAUSES).any { it is RedisCommandExecutionException }

/** Whether [failure] is the answer of a replica to a write, by a command or in a script. */
internal fun isReadOnly(failure: Throwable): Boolean =
    generateSequence(failure) { it.cause }
        .take(MAX_CAUSES)
        .any { it is RedisCommandExecutionException && READ_ONLY.containsMatchIn(it.message.orEmpty()) }

private val READ_ONLY = Regex("\\bREADONLY\\b")

private const val MAX_CAUSES = 10

/** Messages of Lettuce for a connection that the other side has closed. */
private val CLOSED =
    Regex("Connection (disconnected|closed)|connection is closed|not connected", RegexOption.IGNORE_CASE)
