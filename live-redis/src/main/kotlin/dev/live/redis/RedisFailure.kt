package dev.live.redis

import io.lettuce.core.RedisCommandExecutionException
import io.netty.handler.ssl.NotSslRecordException
import io.netty.handler.ssl.SslHandshakeTimeoutException
import kotlinx.coroutines.TimeoutCancellationException
import java.net.ConnectException
import java.net.UnknownHostException
import java.nio.channels.ClosedChannelException
import java.security.GeneralSecurityException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateNotYetValidException
import java.util.concurrent.TimeoutException
import javax.net.ssl.SSLException

/** Redis answers, but this broker cannot use it as it is set up. [message] is a sentence with the way out. */
internal class RedisSetupException(override val message: String) : Exception(message)

/** A sentence for operators that says why Redis at [address] cannot be used, with the way out if it is known. */
internal fun describeFailure(address: String, failure: Throwable): String {
    val causes = generateSequence(failure) { it.cause }.take(MAX_CAUSES).toList()
    causes.firstOrNull { it is RedisSetupException }?.let { return it.message.orEmpty() }
    causes.firstOrNull { it is RedisCommandExecutionException }?.let {
        return describeReply(address, it.message.orEmpty())
    }
    describeTls(address, causes)?.let { return it }
    return when {
        causes.any { it is UnknownHostException } ->
            "The host of Redis at $address is unknown. Check the URL and the DNS."
        causes.any { it is ConnectException } ->
            "Redis at $address does not accept connections. Is it running, and is the port right?"
        causes.any { it is TimeoutException || it is TimeoutCancellationException } ->
            "Redis at $address does not answer."
        causes.any { it.message.orEmpty().contains("reset") } ->
            "The connection to Redis at $address was reset. If every attempt fails, its port may require TLS: use " +
                "the scheme rediss."
        causes.any { it is ClosedChannelException || CLOSED.containsMatchIn(it.message.orEmpty()) } ->
            "The connection to Redis at $address was closed by Redis or the network."
        else -> "The connection to Redis at $address failed: ${causes.last().message ?: causes.last()}"
    }
}

/** Null if the failure is not one of TLS. The certificate is one of the causes, below the failure of the handshake. */
private fun describeTls(address: String, causes: List<Throwable>): String? {
    val certificate = causes.lastOrNull { it is GeneralSecurityException }
    val text = causes.joinToString(" ") { it.message.orEmpty() }
    return when {
        causes.any { it is NotSslRecordException } ->
            "Redis at $address answers without TLS. Use the scheme redis instead of rediss, or the port of tls-port."
        causes.any { it is SslHandshakeTimeoutException } ->
            "Redis at $address does not answer to the TLS handshake. If every attempt fails, its port may be one " +
                "without TLS: use the scheme redis instead of rediss, or the port of tls-port."
        certificate is CertificateExpiredException || certificate is CertificateNotYetValidException ->
            "The certificate of Redis at $address is not valid at this time (${certificate.message}). Renew it, or " +
                "set the clock."
        HOST_MISMATCH.containsMatchIn(text) ->
            "The certificate of Redis at $address is for another host (${certificate?.message}). Use a host of the " +
                "certificate in the URL, or issue one with this host as a subject alternative name."
        certificate != null && causes.any { it is SSLException } ->
            "The certificate of Redis at $address is not trusted (${certificate.message}). Set the certificate of " +
                "its authority: tls { caFile = ... }."
        CLIENT_CERTIFICATE.containsMatchIn(text) ->
            "Redis at $address rejects the client certificate, or requires one (${causes.last().message}). Set " +
                "tls { certificateFile; keyFile } to a certificate that its tls-ca-cert-file has signed, or " +
                "tls-auth-clients no in Redis."
        else -> null
    }
}

private val HOST_MISMATCH = Regex("No (subject alternative|name matching)", RegexOption.IGNORE_CASE)
private val CLIENT_CERTIFICATE =
    Regex("fatal alert: (certificate_required|bad_certificate|unknown_ca|certificate_unknown|handshake_failure)")

private fun describeReply(address: String, reply: String): String {
    val (problem, advice) =
        when (reply.substringBefore(' ')) {
            "WRONGPASS" ->
                "rejects the user name or password" to "Check the URL: redis://user:password@host:port."
            "NOAUTH" -> "requires a password" to "Add it to the URL: redis://user:password@host:port."
            "NOPERM" ->
                "denies a permission" to "The user needs the keys ~live:* and the channels &live:*, and the commands " +
                    "of live: ACL SETUSER name ~live:* &live:* +@all -@dangerous +info +cluster|slots +cluster|info."
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
