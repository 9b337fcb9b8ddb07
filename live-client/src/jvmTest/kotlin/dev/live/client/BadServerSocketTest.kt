package dev.live.client

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.topic.ConnectionLostException
import dev.live.client.transport.RawServer
import dev.live.client.transport.frame
import dev.live.client.transport.upgrade
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.core.spec.style.scopes.FunSpecContainerScope
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.network.tls.certificates.buildKeyStore
import kotlinx.coroutines.flow.first
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Wrong servers at the client's URL, on real sockets: HTTP pages, broken TLS and invalid WebSocket data. */
class BadServerSocketTest : FunSpec({

    for (engine in Engine.entries) {
        context("on ${engine.name}") {
            rejectedUpgrades(engine)
            // java.net.http reads the whole body of a rejection, and keeps the socket of an abandoned TLS handshake
            if (engine != Engine.Java) badSockets(engine)
        }
    }
})

private suspend fun FunSpecContainerScope.rejectedUpgrades(engine: Engine) {
    for (status in listOf("200 OK", "404 Not Found", "502 Bad Gateway")) {
        test("a page with $status is a rejected upgrade and is retried") {
            withBadServer(engine, { page(status) }) { server, client ->
                val cause = client.firstCause().shouldBeInstanceOf<DisconnectCause.UpgradeRejected>()

                cause.status shouldBe status.take(3).toInt()
                cause.reason shouldBe if (engine.readsRejections) "" else status.drop(4)
                server.awaitAnother()
            }
        }
    }

    test("the cause has the status of a proxy's page and a short text without markup (nginx 1.22.1)") {
        withBadServer(engine, { respond("502 Bad Gateway", "", NGINX_502) }) { _, client ->
            client.firstCause().toString() shouldBe "the server rejected the upgrade with HTTP 502 (Bad Gateway)"
        }
    }

    for ((location, target) in listOf(
        "/login" to "/login",
        "/login?session=secret#top" to "/login",
        "http://127.0.0.1:PORT/login" to "/login",
        "https://sso.example.com/start?state=secret" to "https://sso.example.com/start",
    )) {
        test("a redirect to $location is not followed, and the cause has its target without the query") {
            val hosts = CopyOnWriteArrayList<String>()
            withBadServer(engine, { request ->
                hosts += request.lineSequence().first()
                respond("302 Found", "Location: ${location.replace("PORT", "$localPort")}\r\n", "")
            }) { _, client ->
                val cause = client.firstCause().shouldBeInstanceOf<DisconnectCause.UpgradeRejected>()

                cause.status shouldBe 302
                cause.toString() shouldBe "the server redirected to $target (HTTP 302)"
                hosts.toSet() shouldBe setOf("GET /live HTTP/1.1")
            }
        }
    }
}

private suspend fun FunSpecContainerScope.badSockets(engine: Engine) {
    val afterTimeout = if (engine.closesUnanswered) "" else " after the engine's own timeout"

    test("an endless page is not read completely") {
        withBadServer(engine, { page("200 OK", length = Long.MAX_VALUE) }) { server, client ->
            client.firstCause().shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().status shouldBe 200

            eventually(HANG_TIMEOUT) { server.ended shouldBeGreaterThan 0 }
        }
    }

    test("an unknown host name is an unreachable server") {
        engine.use { engineClient ->
            val client = LiveClient("ws://nowhere.invalid/live") { httpClient = engineClient }

            client.firstCause().shouldBeInstanceOf<DisconnectCause.Unreachable>()

            client.close()
        }
    }

    test("an untrusted certificate is distinguished from an unreachable server") {
        withBadServer(engine, { }, scheme = "wss", socket = { selfSigned() }) { server, client ->
            val cause = client.firstCause()

            cause.shouldBeInstanceOf<DisconnectCause.CertificateRejected>()
            cause.toString() shouldContain "the server's certificate is not trusted: "
            server.awaitAnother()
        }
    }

    test("a TLS connection to a plain-text server is not a certificate error") {
        withBadServer(engine, { page("400 Bad Request") }, scheme = "wss") { server, client ->
            client.firstCause().shouldBeInstanceOf<DisconnectCause.Unreachable>()

            server.awaitAnother()
        }
    }

    test("a plain-text connection to a TLS server is retried") {
        withBadServer(engine, { }, socket = { selfSigned() }) { server, client ->
            client.firstCause().shouldBeInstanceOf<DisconnectCause.Unreachable>()

            server.awaitAnother()
        }
    }

    test("an upgrade without a response fails after the timeout") {
        withBadServer(engine, { getInputStream().read() }, { connectTimeout = 100.milliseconds }) { server, client ->
            client.firstCause().toString() shouldBe "the server is unreachable: the server did not respond within 100ms"

            server.awaitAnother()
        }
    }

    test("close during the TLS handshake leaves no open socket$afterTimeout") {
        withBadServer(engine, { readToEnd() }, scheme = "wss", timeout = 1.seconds) { server, client ->
            eventually(HANG_TIMEOUT) { server.accepted shouldBe 1 }

            client.close()

            eventually(HANG_TIMEOUT) { server.ended shouldBe 1 }
        }
    }

    test("close before the upgrade response leaves no open socket$afterTimeout") {
        withBadServer(engine, { readToEnd() }, timeout = 1.seconds) { server, client ->
            eventually(HANG_TIMEOUT) { server.accepted shouldBe 1 }
            client.state.value shouldBe ConnectionState.Connecting(0)

            client.close()

            eventually(HANG_TIMEOUT) { server.ended shouldBe 1 }
        }
    }

    test("a subprotocol that was not offered closes the client") {
        withBadServer(engine, { request ->
            upgrade(request, "chat")
            getInputStream().read()
        }) { _, client ->
            val cause = client.lastCause().shouldBeInstanceOf<DisconnectCause.UpgradeRejected>()

            cause.status shouldBe 101
            cause.reason shouldBe "the server selected chat, the client offered [live.v1.cbor, live.v1.json]"
        }
    }

    test("without a subprotocol in the response the client uses JSON, or closes if it offered only CBOR") {
        val silent: Socket.(String) -> Unit = { request ->
            upgrade(request, subprotocol = null)
            getInputStream().read()
        }
        withBadServer(engine, silent) { _, client ->
            client.state.first { it is ConnectionState.Connected }.toString() shouldBe "Connected(live.v1.json)"
        }
        withBadServer(engine, silent, { codecs(CborCodec) }) { _, client ->
            client.lastCause().shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().reason shouldContain
                "the server selected no subprotocol"
        }
    }

    for ((description, bytes) in listOf(
        "a text frame on a CBOR connection" to frame(TEXT, """{"type":"news"}""".toByteArray()),
        "truncated CBOR" to frame(BINARY, CborCodec.encode(Message("news")).dropLast(2).toByteArray()),
        "an HTML page in a frame" to frame(TEXT, "<html>".toByteArray()),
    )) {
        test("$description is a protocol error, and the client reconnects") {
            withBadServer(engine, { upgradeAndSend(it, bytes) }) { server, client ->
                client.firstCause().shouldBeInstanceOf<DisconnectCause.ProtocolError>()

                server.awaitAnother()
            }
        }
    }

    for ((description, bytes) in listOf(
        "a frame with an unknown opcode" to byteArrayOf(0x83.toByte(), 1, 0),
        "a frame with reserved bits" to byteArrayOf(0xF2.toByte(), 1, 0),
        "HTTP text instead of a frame" to "HTTP/1.1 200 OK\r\n\r\n".toByteArray(),
        "half a frame followed by the end of the stream" to byteArrayOf(0x82.toByte(), 100, 1, 2, 3),
    )) {
        test("$description ends the connection, and the client reconnects") {
            withBadServer(engine, { request ->
                upgrade(request, CborCodec.subprotocol)
                getOutputStream().write(bytes)
                getOutputStream().flush()
            }) { server, client ->
                client.firstCause()

                server.awaitAnother()
            }
        }
    }

    test("a message over maxMessageSize is distinguished from a close by the server") {
        val large = frame(BINARY, ByteArray(1000))
        withBadServer(engine, { upgradeAndSend(it, large) }, { maxMessageSize = 999 }) { server, client ->
            val cause = client.firstCause().shouldBeInstanceOf<DisconnectCause.ProtocolError>()

            cause.reason shouldBe "a message exceeded the maxMessageSize of 999 bytes; " +
                "it must be at least 4/3 of the server's maxMessageSize plus 1 KiB"
            server.awaitAnother()
        }
    }

    test("a frame with a huge declared length does not block the client") {
        val hugeFrame = byteArrayOf(0x82.toByte(), 127, 0x0F, 0, 0, 0, 0, 0, 0, 0)
        withBadServer(
            engine,
            { upgradeAndSend(it, hugeFrame) },
            { heartbeat(0.1.seconds, 0.5.seconds) },
        ) { server, client ->
            client.firstCause()

            server.awaitAnother()
        }
    }

    test("a close because of a publish is reported in the state and fails the publish") {
        withBadServer(engine, { request ->
            upgrade(request, CborCodec.subprotocol)
            getInputStream().read(ByteArray(1000)) // reads all, because unread data would reset the connection
            getOutputStream().write(frame(CLOSE, byteArrayOf(0x03, 0xF1.toByte())))
            getOutputStream().flush()
            getInputStream().read()
        }) { _, client ->
            shouldThrow<ConnectionLostException> {
                client.topic<Chat>("room").publish(hello)
            }.reason shouldContain "too large"

            client.firstCause().shouldBeInstanceOf<DisconnectCause.ClosedByServer>().code shouldBe CloseCode.TooLarge
        }
    }
}

private const val TEXT = 1
private const val BINARY = 2
private const val CLOSE = 8

private fun LiveClientConfig.heartbeat(every: Duration, until: Duration): Unit =
    heartbeat {
        interval = every
        timeout = until
    }

/** Ktor leaves OkHttp's own timeouts in place: 10 s for an upgrade, 60 s for the reply to a close frame. */
private val Engine.closesUnanswered: Boolean get() = this == Engine.Cio

private suspend fun LiveClient.firstCause(): DisconnectCause =
    (state.first { it is ConnectionState.Waiting } as ConnectionState.Waiting).cause

private suspend fun LiveClient.lastCause(): DisconnectCause =
    (state.first { it is ConnectionState.Closed } as ConnectionState.Closed).cause

private suspend fun RawServer.awaitAnother(): Unit = eventually(HANG_TIMEOUT) { accepted shouldBeGreaterThan 1 }

/**
 * Runs [block] with a client of a server that calls [serve] for each connection. Then checks that no socket is left
 * open, unless the engine needs a minute for that.
 */
private suspend fun withBadServer(
    engine: Engine,
    serve: Socket.(String) -> Unit,
    configure: LiveClientConfig.() -> Unit = {},
    scheme: String = "ws",
    socket: () -> ServerSocket = { ServerSocket(0) },
    timeout: Duration = 10.seconds,
    block: suspend (RawServer, LiveClient) -> Unit,
) {
    RawServer(socket(), serve).use { server ->
        engine.use(timeout) { engineClient ->
            val client =
                LiveClient("$scheme://127.0.0.1:${server.port}/live") {
                    httpClient = engineClient
                    reconnect = ExponentialBackoff(baseDelay = 100.milliseconds, maxDelay = 200.milliseconds)
                    configure()
                }
            try {
                block(server, client)
            } finally {
                client.close()
            }
            if (engine.closesUnanswered) eventually(HANG_TIMEOUT) { server.ended shouldBe server.accepted }
        }
    }
}

/** Sends nothing and returns when the client closes its socket. */
private fun Socket.readToEnd() {
    while (getInputStream().read() >= 0) continue
}

private fun Socket.page(status: String, length: Long = 6) {
    val out = getOutputStream()
    out.write("HTTP/1.1 $status\r\nContent-Type: text/html\r\nContent-Length: $length\r\n\r\n<html>".toByteArray())
    var left = length - 6
    while (left > 0) {
        out.write("<p>\n".repeat(1000).toByteArray())
        left -= 4000
    }
    out.flush()
}

private fun Socket.respond(status: String, headers: String, body: String) {
    val head = "HTTP/1.1 $status\r\nContent-Type: text/html\r\n${headers}Content-Length: ${body.length}\r\n\r\n"
    getOutputStream().write((head + body).toByteArray())
    getOutputStream().flush()
}

private const val NGINX_502 =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
        "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

/** Sends [bytes] after the upgrade, then waits until the client sends data or closes. */
private fun Socket.upgradeAndSend(request: String, bytes: ByteArray) {
    upgrade(request, CborCodec.subprotocol)
    getOutputStream().write(bytes)
    getOutputStream().flush()
    getInputStream().read()
}

private fun selfSigned(): ServerSocket {
    val password = "password"
    val keys =
        buildKeyStore {
            certificate("live") {
                this.password = password
                domains = listOf("localhost", "127.0.0.1")
            }
        }
    val managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm()).apply {
            init(keys, password.toCharArray())
        }
    val context = SSLContext.getInstance("TLS").apply { init(managers.keyManagers, null, null) }
    return context.serverSocketFactory.createServerSocket(0)
}
