package dev.live.redis

import io.lettuce.core.RedisCommandExecutionException

/** An answer of a cluster's node that it did not execute a command, because another one must, or not yet. */
internal sealed interface Redirection {
    /** [server] owns [slot] now. Its host is empty if it is that of the node which has answered. */
    data class Moved(val slot: Int, val server: HostPort) : Redirection

    /** The keys have moved to [server] already, which does not own their slot yet. */
    data class Ask(val server: HostPort) : Redirection

    /** Some of the keys have moved already, or the cluster does not serve the slot at this moment. */
    data object Later : Redirection
}

/** The redirection in [failure]; null if it is another failure. */
internal fun redirection(failure: Throwable): Redirection? {
    val causes = generateSequence(failure) { it.cause }.take(MAX_CAUSES)
    val reply = causes.firstOrNull { it is RedisCommandExecutionException }?.message ?: return null
    val words = reply.split(' ')
    return when (words[0]) {
        "MOVED" -> server(words)?.let { Redirection.Moved(words[1].toIntOrNull() ?: return null, it) }
        "ASK" -> server(words)?.let { Redirection.Ask(it) }
        "TRYAGAIN", "CLUSTERDOWN" -> Redirection.Later
        else -> null
    }
}

private fun server(words: List<String>): HostPort? {
    if (words.size < 3) return null
    val port = words[2].substringAfterLast(':').toIntOrNull() ?: return null
    return HostPort(words[2].substringBeforeLast(':', ""), port)
}

private const val MAX_CAUSES = 10
