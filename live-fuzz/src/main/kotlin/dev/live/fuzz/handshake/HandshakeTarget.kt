package dev.live.fuzz.handshake

import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.VirtualTime
import dev.live.fuzz.checkInvariant
import dev.live.protocol.DecodeLimits
import dev.live.server.LiveConfig
import dev.live.server.LiveServer
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.endpoint.bearerAuthHeader
import dev.live.server.endpoint.bearerToken
import dev.live.server.http.LiveUpgrade
import dev.live.server.sse.StreamRequest
import io.ktor.http.HeadersBuilder
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpMethod
import io.ktor.http.Parameters
import io.ktor.http.URLDecodeException
import io.ktor.http.content.OutgoingContent
import io.ktor.http.parseQueryString
import io.ktor.utils.io.ByteChannel
import io.ktor.utils.io.ByteReadChannel
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlin.io.encoding.Base64

/**
 * The input is a request: method and query, one header per line, an empty line, and the bytes that the client sends
 * after the upgrade. Every request gets one response. An upgrade selects an offered subprotocol and accepts only a
 * valid key. The session ends with its connection and releases its connection slot.
 */
internal object HandshakeTarget : FuzzTarget {
    override val name: String get() = "handshake"

    override val dictionary: List<String> get() = HandshakeSeeds.WORDS

    override fun seeds(): List<ByteArray> = HandshakeSeeds.all

    override fun run(input: ByteArray) {
        val request = RequestText(input.toString(Charsets.ISO_8859_1))
        val time = VirtualTime()
        try {
            upgrade(request, time)
            readStream(request)
        } finally {
            time.end()
        }
    }

    private fun upgrade(request: RequestText, time: VirtualTime) {
        val server = LiveServer(settings(), time.scope.coroutineContext) { time.now }
        val endpoint = server.serve(endpoint())
        val call = request.call(time.scope.coroutineContext)
        time.scope.launch { endpoint.handle(call) }
        time.run()
        when (val result = call.result) {
            is LiveUpgrade -> {
                check(result, request)
                time.scope.launch {
                    result.upgrade(ByteReadChannel(request.body), ByteChannel(), time.dispatcher, time.dispatcher)
                }
                time.run()
            }
            is OutgoingContent -> check(result)
            else -> checkInvariant(false) { "responded with $result" }
        }
        val connections = server.stats.connections
        checkInvariant(connections == 0) { "$connections connections remain open" }
    }

    private fun check(upgrade: LiveUpgrade, request: RequestText) {
        val key = request.headers[HttpHeaders.SecWebSocketKey].orEmpty().trim()
        checkInvariant(Base64.decode(key).size == KEY_BYTES) { "the key '$key' was accepted" }
        val selected = upgrade.headers[HttpHeaders.SecWebSocketProtocol] ?: return
        val offered = request.headers.getAll(HttpHeaders.SecWebSocketProtocol).orEmpty().joinToString(",").split(',')
        checkInvariant(selected in offered.map { it.trim() }) { "'$selected' was selected but not offered" }
        checkInvariant(!selected.startsWith("live.bearer.")) { "a token was selected as the subprotocol" }
    }

    private fun check(rejection: OutgoingContent) {
        val status = rejection.status?.value
        checkInvariant(status in REJECTIONS) { "rejected with status $status" }
    }

    private fun readStream(request: RequestText) {
        try {
            StreamRequest.of(request.query, request.headers["Last-Event-ID"], DecodeLimits.Default)
        } catch (e: IllegalArgumentException) {
            checkInvariant(!e.message.isNullOrEmpty()) { "a stream was rejected without a reason" }
        }
    }

    private fun endpoint() =
        LiveEndpoint<String>("/live").apply {
            tokenParameter = "token"
            authenticate { call ->
                call.bearerAuthHeader()?.render()
                call.bearerToken()?.takeIf { it.isNotEmpty() }
            }
            authenticateByMessage { it }
            rawTopic("{topic...}")
        }.build()

    private fun settings() =
        LiveConfig().apply {
            session { handlerDispatcher = Dispatchers.Unconfined }
            origins { allow("https://example.org") }
            limits { maxConnectionsPerAddress = 1 }
            traceContext = true
        }.build()

    private val REJECTIONS = setOf(400, 401, 403, 426, 429, 503)
    private const val KEY_BYTES = 16
}

/** A request as text. */
internal class RequestText(text: String) {
    private val head = text.substringBefore("\n\n").split('\n')
    private val verb = HttpMethod(head[0].substringBefore(' ').ifEmpty { "GET" })

    val body: ByteArray = text.substringAfter("\n\n", "").toByteArray(Charsets.ISO_8859_1)

    /** Empty if it cannot be decoded: Ktor's routing rejects such a request. */
    val query: Parameters =
        try {
            parseQueryString(head[0].substringAfter(' ', "").substringAfter('?', ""))
        } catch (_: URLDecodeException) {
            Parameters.Empty
        }
    val headers =
        HeadersBuilder().apply {
            for (line in head.drop(1)) {
                val name = line.substringBefore(':')
                // engines reject other headers
                if (name.isEmpty() || name.any { it !in NAME } || ':' !in line) continue
                val value = line.substringAfter(':').trim(' ', '\t')
                if (value.none { it < ' ' && it != '\t' }) append(name, value)
            }
        }.build()

    fun call(context: kotlin.coroutines.CoroutineContext) = FakeCall(context, verb, query, headers)

    private companion object {
        val NAME = (('a'..'z') + ('A'..'Z') + ('0'..'9') + '-' + '_').toSet()
    }
}
