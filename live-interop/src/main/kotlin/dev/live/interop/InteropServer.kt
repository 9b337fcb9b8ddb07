package dev.live.interop

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.livePublish
import io.ktor.http.HttpHeaders
import io.ktor.http.content.OutgoingContent
import io.ktor.server.application.Application
import io.ktor.server.application.call
import io.ktor.server.application.install
import io.ktor.server.application.serverConfig
import io.ktor.server.cio.CIO
import io.ktor.server.config.MapApplicationConfig
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.EngineConnectorBuilder
import io.ktor.server.engine.applicationEnvironment
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.request.queryString
import io.ktor.server.response.ApplicationSendPipeline
import io.ktor.server.routing.routing
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.Serializable
import java.util.concurrent.ConcurrentHashMap

/** The engines and transports of the tests. */
enum class Transport(
    val title: String,
    internal val engine: ApplicationEngineFactory<*, *>,
    internal val setting: String,
) {
    NettyFast("Netty", Netty, "auto"),
    NettyPortable("Netty, portable", Netty, "portable"),
    Cio("CIO", CIO, "auto"),
}

/** The payload of the topics `room/{name}`. */
@Serializable
data class Note(val text: String, val from: String? = null)

/** The compression that a client has offered, and the server's response. Empty without an offer. */
internal class Negotiation(val offer: String, val response: String)

/** The server under test, on a free port of the loopback interface. */
class InteropServer private constructor(
    private val server: EmbeddedServer<*, *>,
    val port: Int,
    private val negotiations: Map<String, Negotiation>,
) : AutoCloseable {
    /** The endpoint that accepts every client. */
    val url: String get() = "ws://127.0.0.1:$port/live"

    /** The endpoint that rejects every client. */
    val closedUrl: String get() = "ws://127.0.0.1:$port/closed"

    /** The endpoint that accepts every client, for the client called [name]. */
    internal fun url(name: String): String = "$url?$name"

    /** The last negotiation of the client called [name]. */
    internal fun negotiationOf(name: String): Negotiation? = negotiations[name]

    override fun close() = server.stop(gracePeriodMillis = 50, timeoutMillis = 2_000)

    companion object {
        /** @param compresses whether clients can negotiate compression, for messages of every size */
        fun start(transport: Transport, port: Int = 0, compresses: Boolean = false): InteropServer {
            val negotiations = ConcurrentHashMap<String, Negotiation>()
            val file = listOf("live.transport" to transport.setting)
            val environment = applicationEnvironment { config = MapApplicationConfig(file) }
            val server =
                embeddedServer(
                    transport.engine,
                    serverConfig(environment) {
                        module { endpoints(compresses, negotiations) }
                    },
                ) {
                    connectors +=
                        EngineConnectorBuilder().apply {
                            host = "127.0.0.1"
                            this.port = port
                        }
                }
            server.start(wait = false)
            return InteropServer(server, runBlocking { server.engine.resolvedConnectors() }.single().port, negotiations)
        }
    }
}

/** The size of a large body in bytes. It is within the server's limit for published messages. */
const val LARGE_BODY: Int = 50_000

/** The API key of programs that publish over HTTP. */
const val PUBLISH_KEY: String = "a-key-of-the-interoperability-suite"

private fun Application.endpoints(compresses: Boolean, negotiations: MutableMap<String, Negotiation>) {
    install(Live) {
        codecs(JsonCodec, CborCodec, MessagePackCodec)
        compression {
            enabled = compresses
            minBytes = 1
        }
    }
    sendPipeline.intercept(ApplicationSendPipeline.After) { response ->
        if (response is OutgoingContent.ProtocolUpgrade) {
            val offer = call.request.headers.getAll(HttpHeaders.SecWebSocketExtensions).orEmpty().joinToString(", ")
            val accepted = response.headers[HttpHeaders.SecWebSocketExtensions].orEmpty()
            negotiations[call.request.queryString()] = Negotiation(offer, accepted)
        }
    }
    routing {
        live<Unit>("/live") {
            serverSentEvents()
            topic<Note>("room/{name}") { history(size = 100) }
            rawTopic("raw/{name}") { history(size = 100) }
            onMessage { message ->
                when (message.type) {
                    "large" -> session.send(Message("message", message.topic, body = Body.bytes(ByteArray(LARGE_BODY))))
                    "restart" -> session.close(CloseCode.Restart, "restarting")
                    "later" -> session.close(CloseCode.TryAgainLater, "try again later")
                    else -> reject("unknown message type")
                }
            }
        }
        live<Unit>("/closed") { authenticate { null } }
        livePublish("/publish") { key(PUBLISH_KEY) }
    }
}

/** Runs a server until standard input ends: `InteropServerKt [NettyFast|NettyPortable|Cio] [port]`. Prints the port. */
fun main(args: Array<String>) {
    val transport = Transport.valueOf(args.getOrElse(0) { Transport.NettyFast.name })
    InteropServer.start(transport, args.getOrElse(1) { "0" }.toInt()).use { server ->
        println(server.port)
        do {
            val byte = System.`in`.read()
        } while (byte >= 0)
    }
}
