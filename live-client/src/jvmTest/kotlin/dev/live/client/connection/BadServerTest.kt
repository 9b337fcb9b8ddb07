package dev.live.client.connection

import dev.live.client.LiveClientConfig
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.testing.FakeTransport
import dev.live.client.testing.FakeWire
import dev.live.client.topic.ClientClosedException
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.MessageTooLargeException
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.transport.Wire
import dev.live.client.transport.WireEvent
import dev.live.client.waiting
import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.ReconnectRule
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.core.spec.style.scopes.FunSpecContainerScope
import io.kotest.matchers.ranges.shouldBeIn
import io.kotest.matchers.sequences.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.io.IOException
import java.security.cert.CertificateException
import kotlin.random.Random
import kotlin.reflect.KClass
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Servers, proxies and token functions that always fail, for ten minutes: each is retried with backoff. */
class BadServerTest : FunSpec({

    for ((description, rejection) in listOf(
        "an HTML page" to UpgradeRejectedException(200, "<!DOCTYPE html>"),
        "a wrong path" to UpgradeRejectedException(404, ""),
        "a proxy without its backend" to UpgradeRejectedException(502, "<html>"),
        "a redirect" to UpgradeRejectedException(302, ""),
        "an invalid status" to UpgradeRejectedException(999, ""),
    )) {
        badServer("$description as upgrade response", DisconnectCause.UpgradeRejected::class, { outage = rejection })
    }
    badServer("an unreachable server", DisconnectCause.Unreachable::class, { outage = IOException("no route to host") })
    badServer(
        "an expired certificate",
        DisconnectCause.CertificateRejected::class,
        { outage = IOException("handshake", CertificateException("expired")) },
    )

    for ((description, bytes) in listOf(
        "an HTML page as a message" to "<html>".encodeToByteArray(),
        "an empty message" to ByteArray(0),
        "a truncated message" to """{"type":"ne""".encodeToByteArray(),
        "a message without a type" to """{"topic":"room"}""".encodeToByteArray(),
        "a message with two payloads" to """{"type":"a","body":"AA==","data":1}""".encodeToByteArray(),
        "a deeply nested message" to "[".repeat(100_000).encodeToByteArray(),
        "a message of another codec" to CborCodec.encode(Message("news")),
        "bytes that are not UTF-8" to ByteArray(64) { -1 },
    )) {
        badServer(description, DisconnectCause.ProtocolError::class) { pushBytes(bytes) }
    }

    for (code in CloseCode.All.filter { (it.reconnect as? ReconnectRule.Backoff)?.maxInARow == Int.MAX_VALUE }) {
        val cause = if (code ==
            CloseCode.Abnormal
        ) {
            DisconnectCause.ConnectionLost::class
        } else {
            DisconnectCause.ClosedByServer::class
        }
        badServer("a close with $code right after connecting", cause) { cut(code) }
    }

    for (window in listOf("[-5,-1]", "[5000,1000]", "[]", "[1,2,3]", "\"soon\"", "null", "[1e400,1e400]")) {
        badServer("a goodbye with the window $window", DisconnectCause.ClosedByServer::class) { goodbye(window) }
    }

    test("after a goodbye with an extreme window, the client retries within one to two hours") {
        val end = Long.MAX_VALUE
        for (window in listOf("[$end,$end]", "[0,$end]", "[${end - 1},$end]")) {
            clientTest {
                settle()
                transport.wire.goodbye(window)
                settle()

                waiting().delay shouldBeIn 0.hours..2.hours
                pass(2.hours)
                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }
    }

    test(
        "a message over the client's limit ends the connection and is not reported as a close by the server",
    ) {
        val fake = FakeTransport()
        clientTest({ transport = TooLargeMessages(fake) }, fake) {
            settle()

            waiting().cause.shouldBeInstanceOf<DisconnectCause.ProtocolError>().reason shouldBe
                "a message exceeded the maxMessageSize of 100 bytes; " +
                "it must be at least 4/3 of the server's maxMessageSize plus 1 KiB"
            fake.connections.first().closedWith shouldBe CloseCode.TooLarge
        }
    }

    context("a token function") {
        for ((description, token) in listOf<Pair<String, suspend () -> String>>(
            "that throws" to { error("no session") },
            "that hangs" to { awaitCancellation() },
            "with a timeout of its own" to { withTimeout(1.seconds) { awaitCancellation() } },
            "that returns a line break" to { "secret\n" },
            "that returns an invalid header value" to { "sécret" },
        )) {
            badServer("a token function $description", DisconnectCause.NoToken::class, configure = {
                bearerTimeout = 5.seconds
                bearer(token)
            })
        }

        test("that hangs fails after its timeout, with that cause") {
            clientTest({ bearer { awaitCancellation() } }) {
                pass(29.seconds)
                client.state.value shouldBe ConnectionState.Connecting(0)
                pass(1.seconds)

                waiting().cause.toString() shouldBe "the bearer function failed: timeout: no token within 30s"
            }
        }

        test("that returns an invalid header value fails with the position, without the token") {
            clientTest({ bearer { "secret\n" } }) {
                settle()

                val cause = waiting().cause.toString()
                cause shouldBe
                    "the bearer function failed: the token is not valid in a header: character 7 of 7 has code 10. " +
                    "Trim a line break at its end."
                cause shouldNotContain "secret"
                transport.requests.size shouldBe 0
            }
        }

        test("that throws an Error closes the client with that cause") {
            clientTest({
                bearer { TODO("tokens") }
                context += CoroutineExceptionHandler { _, _ -> }
            }) {
                val publishing = start { runCatching { room().publish(dev.live.client.hello) } }
                settle()

                client.state.value.toString() shouldBe
                    "Closed(the connection was lost: kotlin.NotImplementedError: " +
                    "An operation is not implemented: tokens)"
                publishing.await().exceptionOrNull().shouldBeInstanceOf<ClientClosedException>()
            }
        }
    }
})

/** Runs [action] on every connection of [fake]. */
private class WithAction(private val fake: FakeTransport, private val action: FakeWire.() -> Unit) : Transport {
    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R =
        fake.connect(request) { wire ->
            fake.wire.action()
            use(wire)
        }

    override fun close() = fake.close()
}

/** Reports a message over the limit on every connection of [fake], like the real transport. */
private class TooLargeMessages(private val fake: FakeTransport) : Transport {
    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R =
        fake.connect(request) { wire ->
            val event = WireEvent.Closed(CloseCode.TooLarge, error = MessageTooLargeException(100))
            use(
                object : Wire by wire {
                    override suspend fun receive() = event
                },
            )
        }

    override fun close() = fake.close()
}

/** Tests that the client retries with growing delays, reports the cause, and releases all resources on close. */
private fun FunSpec.badServer(
    description: String,
    cause: KClass<out DisconnectCause>,
    setUp: FakeTransport.() -> Unit = {},
    configure: LiveClientConfig.() -> Unit = {},
    action: FakeWire.() -> Unit = {},
) {
    test("$description is retried with backoff") { assertRetries(cause, setUp, configure, action) }
}

private suspend fun FunSpecContainerScope.badServer(
    description: String,
    cause: KClass<out DisconnectCause>,
    configure: LiveClientConfig.() -> Unit,
) {
    test("$description is retried with backoff") { assertRetries(cause, {}, configure, {}) }
}

private fun assertRetries(
    cause: KClass<out DisconnectCause>,
    setUp: FakeTransport.() -> Unit,
    configure: LiveClientConfig.() -> Unit,
    action: FakeWire.() -> Unit,
) {
    val fake = FakeTransport().apply(setUp)
    val parent = Job()
    var attempts = 0
    val causes = mutableSetOf<KClass<*>>()
    clientTest({
        transport = WithAction(fake, action)
        context += parent
        reconnect = ExponentialBackoff(random = Random(1))
        configure()
    }, fake) {
        scope.backgroundScope.launch {
            client.state.collect { state ->
                if (state !is ConnectionState.Waiting) return@collect
                attempts = state.attempt // never reset, because no connection is stable
                causes += state.cause::class
            }
        }
        pass(10.minutes)
        withClue(client.state.value) { attempts shouldBeIn 20..90 }
        causes shouldBe setOf(cause)

        client.close()
        pass(1.milliseconds)

        fake.isClosed shouldBe true
        parent.children.shouldBeEmpty()
    }
    parent.cancel()
}

private fun FakeWire.goodbye(window: String) {
    push(
        Message(
            MessageType.GOODBYE,
            body = Body.json("""{"code":1012,"reason":"deploy","reconnectInMs":$window}"""),
        ),
    )
    cut(CloseCode.Restart)
}
