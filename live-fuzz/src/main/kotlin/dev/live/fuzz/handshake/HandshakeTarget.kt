package dev.live.fuzz.handshake

import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.VirtualTime
import dev.live.fuzz.rule
import dev.live.protocol.DecodeLimits
import dev.live.server.LiveConfig
import dev.live.server.LiveServer
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.endpoint.LiveUpgrade
import dev.live.server.endpoint.StreamRequest
import dev.live.server.endpoint.bearerAuthHeader
import dev.live.server.endpoint.bearerToken
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
 * The input is a request: its method and query, a header a line, an empty line, and what the client sends behind the
 * upgrade. Every request has one answer; an upgrade picks a subprotocol that was offered and answers a valid key; the
 * session that follows ends with its connection, and gives its place back.
 */
internal object HandshakeTarget : FuzzTarget {
    override val name: String get() = "handshake"

    override val dictionary: List<String> get() = HandshakeSeeds.WORDS

    override fun seeds(): List<ByteArray> = HandshakeSeeds.all

    override fun run(input: ByteArray) {
        val request = RequestText(input.toString(Charsets.ISO_8859_1))
        val time = VirtualTime()
        try {
            answer(request, time)
            readStream(request)
        } finally {
            time.end()
        }
    }

    private fun answer(request: RequestText, time: VirtualTime) {
        val server = LiveServer(settings(), time.scope.coroutineContext) { time.now }
        val endpoint = server.serve(endpoint())
        val call = request.call(time.scope.coroutineContext)
        time.scope.launch { endpoint.handle(call) }
        time.run()
        when (val answer = call.answer) {
            is LiveUpgrade -> {
                check(answer, request)
                time.scope.launch {
                    answer.upgrade(ByteReadChannel(request.body), ByteChannel(), time.dispatcher, time.dispatcher)
                }
                time.run()
            }
            is OutgoingContent -> check(answer)
            else -> rule(false) { "answered with $answer" }
        }
        val connections = server.stats.connections
        rule(connections == 0) { "$connections connections are left" }
    }

    private fun check(upgrade: LiveUpgrade, request: RequestText) {
        val key = request.headers[HttpHeaders.SecWebSocketKey].orEmpty().trim()
        rule(Base64.decode(key).size == KEY_BYTES) { "the key '$key' was accepted" }
        val chosen = upgrade.headers[HttpHeaders.SecWebSocketProtocol] ?: return
        val offered = request.headers.getAll(HttpHeaders.SecWebSocketProtocol).orEmpty().joinToString(",").split(',')
        rule(chosen in offered.map { it.trim() }) { "'$chosen' was chosen, which was not offered" }
        rule(!chosen.startsWith("live.bearer.")) { "a token was chosen as the subprotocol" }
    }

    private fun check(refusal: OutgoingContent) {
        val status = refusal.status?.value
        rule(status in REFUSALS) { "refused with the status $status" }
    }

    private fun readStream(request: RequestText) {
        try {
            StreamRequest.of(request.query, request.headers["Last-Event-ID"], DecodeLimits.Default)
        } catch (e: IllegalArgumentException) {
            rule(!e.message.isNullOrEmpty()) { "a stream was refused without a reason" }
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
        }

    private fun settings() =
        LiveConfig().apply {
            session { handlerDispatcher = Dispatchers.Unconfined }
            origins { allow("https://example.org") }
            limits { maxConnectionsPerAddress = 1 }
            traceContext = true
        }.build()

    private val REFUSALS = setOf(400, 401, 403, 426, 429, 503)
    private const val KEY_BYTES = 16
}

/** A request as text. */
internal class RequestText(text: String) {
    private val head = text.substringBefore("\n\n").split('\n')
    private val verb = HttpMethod(head[0].substringBefore(' ').ifEmpty { "GET" })

    val body: ByteArray = text.substringAfter("\n\n", "").toByteArray(Charsets.ISO_8859_1)

    /** Empty where it cannot be decoded: Ktor's routing lets no such request through. */
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
                // engines let nothing else through
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
