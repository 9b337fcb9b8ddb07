package dev.live.client.connection

import dev.live.client.LiveClientConfig
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.topic.ClientClosedException
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.MessageTooLargeException
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRefusedException
import dev.live.client.transport.Wire
import dev.live.client.transport.WireEvent
import dev.live.client.waiting
import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.ReconnectRule
import dev.live.test.FakeTransport
import dev.live.test.FakeWire
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

/** Servers, proxies and token functions that do only wrong, for ten minutes: each is tried again, and none is hammered. */
class BadServerTest : FunSpec({

    for ((what, answer) in listOf(
        "a page" to UpgradeRefusedException(200, "<!DOCTYPE html>"),
        "a wrong path" to UpgradeRefusedException(404, ""),
        "a proxy without its backend" to UpgradeRefusedException(502, "<html>"),
        "a redirect" to UpgradeRefusedException(302, ""),
        "a status that is none" to UpgradeRefusedException(999, ""),
    )) {
        badServer("$what in answer to the upgrade", DisconnectCause.UpgradeRefused::class, { outage = answer })
    }
    badServer("nobody there", DisconnectCause.Unreachable::class, { outage = IOException("no route to host") })
    badServer(
        "a certificate that proves nothing",
        DisconnectCause.CertificateRejected::class,
        { outage = IOException("handshake", CertificateException("expired")) },
    )

    for ((what, bytes) in listOf(
        "a page as a message" to "<html>".encodeToByteArray(),
        "an empty message" to ByteArray(0),
        "half a message" to """{"type":"ne""".encodeToByteArray(),
        "a message without a type" to """{"topic":"room"}""".encodeToByteArray(),
        "a message with two payloads" to """{"type":"a","body":"AA==","data":1}""".encodeToByteArray(),
        "a message that nests without end" to "[".repeat(100_000).encodeToByteArray(),
        "a message of another codec" to CborCodec.encode(Message("news")),
        "bytes that are no text" to ByteArray(64) { -1 },
    )) {
        badServer(what, DisconnectCause.ProtocolError::class) { pushBytes(bytes) }
    }

    for (code in CloseCode.All.filter { (it.reconnect as? ReconnectRule.Backoff)?.maxInARow == Int.MAX_VALUE }) {
        val cause = if (code ==
            CloseCode.Abnormal
        ) {
            DisconnectCause.ConnectionLost::class
        } else {
            DisconnectCause.ClosedByServer::class
        }
        badServer("a close with $code as soon as it is connected", cause) { cut(code) }
    }

    for (window in listOf("[-5,-1]", "[5000,1000]", "[]", "[1,2,3]", "\"soon\"", "null", "[1e400,1e400]")) {
        badServer("a goodbye whose window is $window", DisconnectCause.ClosedByServer::class) { goodbye(window) }
    }

    test("a goodbye that asks for an eternity is followed by an attempt after one to two hours") {
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
        "a message over the limit of the client ends the connection, says so, and is not taken for the server's close",
    ) {
        val fake = FakeTransport()
        clientTest({ transport = TooMuch(fake) }, fake) {
            settle()

            waiting().cause.shouldBeInstanceOf<DisconnectCause.ProtocolError>().reason shouldBe
                "a message was over the maxMessageSize of 100 bytes; " +
                "it must be at least 4/3 of the server's maxMessageSize and 1 KiB"
            fake.connections.first().closedWith shouldBe CloseCode.TooLarge
        }
    }

    context("a token function") {
        for ((what, give) in listOf<Pair<String, suspend () -> String>>(
            "that throws" to { error("no session") },
            "that hangs" to { awaitCancellation() },
            "whose own wait runs out" to { withTimeout(1.seconds) { awaitCancellation() } },
            "that gives two lines" to { "secret\n" },
            "that gives what is no header" to { "sécret" },
        )) {
            badServer("a token function $what", DisconnectCause.NoToken::class, configure = {
                bearerTimeout = 5.seconds
                bearer(give)
            })
        }

        test("that hangs is given up after its timeout, and the cause says so") {
            clientTest({ bearer { awaitCancellation() } }) {
                pass(29.seconds)
                client.state.value shouldBe ConnectionState.Connecting(0)
                pass(1.seconds)

                waiting().cause.toString() shouldBe "the bearer function failed: timeout: no token within 30s"
            }
        }

        test("that gives what no header may carry is told where, and the token is not") {
            clientTest({ bearer { "secret\n" } }) {
                settle()

                val told = waiting().cause.toString()
                told shouldBe
                    "the bearer function failed: the token's character 7 of 7, of code 10, is none that a header " +
                    "may have; a line break at its end is to be trimmed"
                told shouldNotContain "secret"
                transport.requests.size shouldBe 0
            }
        }

        test("that fails with an Error ends the client, and the last state says with what") {
            clientTest({
                bearer { TODO("tokens") }
                context += CoroutineExceptionHandler { _, _ -> }
            }) {
                val publishing = start { runCatching { room().publish(dev.live.client.hello) } }
                settle()

                client.state.value.toString() shouldBe
                    "Closed(the connection broke: kotlin.NotImplementedError: An operation is not implemented: tokens)"
                publishing.await().exceptionOrNull().shouldBeInstanceOf<ClientClosedException>()
            }
        }
    }
})

/** Does [act] on every connection of [fake]. */
private class Acting(private val fake: FakeTransport, private val act: FakeWire.() -> Unit) : Transport {
    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R =
        fake.connect(request) { wire ->
            fake.wire.act()
            use(wire)
        }

    override fun close() = fake.close()
}

/** Says on every connection of [fake] that there was a message over the limit, as the real one does. */
private class TooMuch(private val fake: FakeTransport) : Transport {
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

/** Whatever it does, it is tried again with growing waits, the state says why, and nothing of the client is left. */
private fun FunSpec.badServer(
    what: String,
    cause: KClass<out DisconnectCause>,
    setUp: FakeTransport.() -> Unit = {},
    configure: LiveClientConfig.() -> Unit = {},
    act: FakeWire.() -> Unit = {},
) {
    test("$what is tried again, with patience") { keepsTrying(cause, setUp, configure, act) }
}

private suspend fun FunSpecContainerScope.badServer(
    what: String,
    cause: KClass<out DisconnectCause>,
    configure: LiveClientConfig.() -> Unit,
) {
    test("$what is tried again, with patience") { keepsTrying(cause, {}, configure, {}) }
}

private fun keepsTrying(
    cause: KClass<out DisconnectCause>,
    setUp: FakeTransport.() -> Unit,
    configure: LiveClientConfig.() -> Unit,
    act: FakeWire.() -> Unit,
) {
    val fake = FakeTransport().apply(setUp)
    val parent = Job()
    var attempts = 0
    val causes = mutableSetOf<KClass<*>>()
    clientTest({
        transport = Acting(fake, act)
        context += parent
        reconnect = ExponentialBackoff(random = Random(1))
        configure()
    }, fake) {
        scope.backgroundScope.launch {
            client.state.collect { state ->
                if (state !is ConnectionState.Waiting) return@collect
                attempts = state.attempt // never reset: nothing has proved itself
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
