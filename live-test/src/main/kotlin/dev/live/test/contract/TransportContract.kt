package dev.live.test.contract

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.transport.Wire
import dev.live.client.transport.WireClosedException
import dev.live.client.transport.WireEvent
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import io.kotest.assertions.fail
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.factory.TestFactory
import io.kotest.core.spec.style.funSpec
import io.kotest.core.spec.style.scopes.FunSpecRootScope
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.kotest.matchers.types.shouldNotBeInstanceOf
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/**
 * The tests that every [Transport] and its [Wire] must pass, in one file because they are one contract, to include in a
 * kotest spec:
 *
 * ```
 * class OwnTransportTest : FunSpec({
 *     include(transportContract { WebSocketFixture(OwnTransport()) })
 * })
 * ```
 *
 * @param newFixture creates the transport and its server for one test
 */
public fun transportContract(newFixture: () -> TransportFixture): TestFactory =
    funSpec {
        messages(newFixture)
        endsByTheServer(newFixture)
        endsByTheClient(newFixture)
        failedConnects(newFixture)
    }

private fun FunSpecRootScope.messages(newFixture: () -> TransportFixture) {
    test("the server receives the headers, and the wire has the subprotocol that the server selected") {
        withFixture(newFixture) {
            connected(headers = mapOf("X-Contract" to "a value")) { wire, server ->
                server.header("x-contract") shouldBe "a value"
                wire.subprotocol shouldBe codec.subprotocol
            }
        }
    }

    test("messages of any size arrive complete and in order, in both directions at the same time") {
        withFixture(newFixture) {
            val messages = List(SIZES.size) { codec.encode(note("$it", SIZES[it])) }

            connected { wire, server ->
                launch { messages.forEach { server.send(it) } }
                launch {
                    messages.forEach { wire.send(it, codec.isBinary) }
                    wire.flush()
                }
                val fromServer = async { List(messages.size) { wire.receiveMessage() } }

                List(messages.size) { server.receive()?.toHexString() } shouldContainExactly hexOf(messages)
                fromServer.await().map { it.toHexString() } shouldContainExactly hexOf(messages)
            }
        }
    }

    test("a waiting receive does not block the writer") {
        withFixture(newFixture) {
            val message = codec.encode(note("request"))

            connected { wire, server ->
                val reply = async(start = CoroutineStart.UNDISPATCHED) { wire.receiveMessage() }
                wire.send(message, codec.isBinary)
                wire.flush()
                server.send(server.receive() ?: fail("the connection has ended"))

                reply.await().toHexString() shouldBe message.toHexString()
            }
        }
    }

    test("connections one after another are independent of each other") {
        withFixture(newFixture) {
            repeat(3) { n ->
                connected { wire, server ->
                    server.send(codec.encode(note("$n")))

                    codec.decode(wire.receiveMessage()) shouldBe note("$n")
                }
            }
        }
    }
}

private fun FunSpecRootScope.endsByTheServer(newFixture: () -> TransportFixture) {
    test("the server's close code and reason arrive after its messages") {
        withFixture(newFixture) {
            connected { wire, server ->
                repeat(20) { server.send(codec.encode(note("$it"))) }
                server.close(CloseCode.of(4403), "kicked")

                repeat(20) { codec.decode(wire.receiveMessage()) shouldBe note("$it") }
                val end = wire.receive().shouldBeInstanceOf<WireEvent.Closed>()
                end.code shouldBe CloseCode.of(4403)
                end.reason shouldBe "kicked"
            }
        }
    }

    test("a connection that ends without a close frame has the code Abnormal") {
        withFixture(newFixture) {
            connected { wire, server ->
                server.drop()

                wire.receive().shouldBeInstanceOf<WireEvent.Closed>().code shouldBe CloseCode.Abnormal
            }
        }
    }

    test("after the end, sending throws WireClosedException and close has no effect") {
        withFixture(newFixture) {
            connected { wire, server ->
                server.close(CloseCode.of(4403), "")
                wire.receive().shouldBeInstanceOf<WireEvent.Closed>()

                shouldThrow<WireClosedException> {
                    wire.send(codec.encode(note("late")), codec.isBinary)
                    wire.flush()
                }
                wire.close(CloseCode.Normal, "")
            }
        }
    }
}

private fun FunSpecRootScope.endsByTheClient(newFixture: () -> TransportFixture) {
    test("close sends a close frame after the messages, with its code") {
        withFixture(newFixture) {
            val message = codec.encode(note("last"))

            connected { wire, server ->
                wire.send(message, codec.isBinary)
                wire.flush()
                wire.close(CloseCode.Normal, "done")

                server.receive()?.toHexString() shouldBe message.toHexString()
                server.awaitEnd() shouldBe CloseCode.Normal
            }
        }
    }

    test("connect returns the result of its block and closes the connection") {
        withFixture(newFixture) {
            var server: ServerEnd? = null

            val result = connected { _, end ->
                server = end
                "the result"
            }

            result shouldBe "the result"
            server!!.awaitEnd()
        }
    }

    test("connect throws the failure of its block and closes the connection") {
        withFixture(newFixture) {
            var server: ServerEnd? = null

            val failure = shouldThrow<ContractException> {
                connected { _, end ->
                    server = end
                    throw ContractException()
                }
            }

            failure.message shouldBe ContractException().message
            server!!.awaitEnd()
        }
    }

    test("cancelling connect closes the connection") {
        withFixture(newFixture) {
            val server = CompletableDeferred<ServerEnd>()
            val connecting = launch {
                connected { wire, end ->
                    launch { wire.receive() }
                    server.complete(end)
                    awaitCancellation()
                }
            }
            server.await()

            connecting.cancelAndJoin()

            server.await().awaitEnd()
        }
    }
}

private fun FunSpecRootScope.failedConnects(newFixture: () -> TransportFixture) {
    test("a rejected upgrade throws UpgradeRejectedException with the status") {
        withFixture(newFixture) {
            reject(403)

            failureOfConnect().shouldBeInstanceOf<UpgradeRejectedException>().status shouldBe 403
        }
    }

    test("an unreachable server is any other exception") {
        withFixture(newFixture) {
            stopListening()

            val failure = failureOfConnect()

            failure.shouldNotBeInstanceOf<UpgradeRejectedException>()
            failure.shouldNotBeInstanceOf<CancellationException>()
        }
    }

    test("a connect without a response can be cancelled") {
        withFixture(newFixture) {
            ignoreUpgrades()
            val connecting = launch { connect { fail("the connection was opened") } }
            delay(200.milliseconds) // the request is sent by now; if not, the cancellation is only easier

            connecting.cancelAndJoin()
        }
    }
}

/** Runs [block] on one thread at a time, as the client does, and closes the transport and the fixture. */
private suspend fun withFixture(newFixture: () -> TransportFixture, block: suspend FixtureScope.() -> Unit) {
    newFixture().use { fixture ->
        try {
            withContext(Dispatchers.Default.limitedParallelism(1)) {
                withTimeoutOrNull(HANG_TIMEOUT) { coroutineScope { FixtureScope(fixture, this).block() } }
                    ?: throw AssertionError("the transport did not finish within $HANG_TIMEOUT")
            }
        } finally {
            fixture.transport.close()
        }
    }
}

private class FixtureScope(fixture: TransportFixture, scope: CoroutineScope) :
    TransportFixture by fixture,
    CoroutineScope by scope {
    /** Connects and runs [block] with both ends of the connection. */
    suspend fun <R> connected(
        headers: Map<String, String> = emptyMap(),
        block: suspend CoroutineScope.(Wire, ServerEnd) -> R,
    ): R = connect(headers) { wire -> coroutineScope { block(wire, accept()) } }

    suspend fun failureOfConnect(): Exception =
        shouldThrow<Exception> { connect { fail("the connection was opened") } }

    suspend fun <R> connect(headers: Map<String, String> = emptyMap(), use: suspend (Wire) -> R): R =
        transport.connect(ConnectRequest(url, listOf(codec.subprotocol), headers), use)
}

private suspend fun Wire.receiveMessage(): ByteArray =
    when (val event = receive()) {
        is WireEvent.Received -> event.bytes
        is WireEvent.Closed -> fail("the connection ended with ${event.code} (${event.reason})")
    }

private fun note(text: String, size: Int = 0) = Message("note", ref = text, body = Body.bytes(ByteArray(size) { 7 }))

private fun hexOf(messages: List<ByteArray>) = messages.map { it.toHexString() }

private class ContractException : Exception("a failure of the block")

/** Sizes of payloads around the boundaries of WebSocket's length fields, and larger than one TCP segment. */
private val SIZES = listOf(0, 1, 60, 100, 126, 1_000, 40_000, 65_535, 65_536, 100_000, 2)

/** Timeout of one test. Only a hang reaches it, even on a busy machine. */
private val HANG_TIMEOUT = 2.minutes
