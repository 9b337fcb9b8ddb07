package dev.live.fuzz.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.testing.FakeTransport
import dev.live.client.topic.CollectorOverflow
import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.VirtualTime
import dev.live.fuzz.checkInvariant
import dev.live.fuzz.codec.Vectors
import dev.live.fuzz.session.linesOf
import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * A client whose server sends the input. Each line is a message, or a command that begins with `!`.
 *
 * Invariants: a received message fails only its own call or flow, with a documented exception. The client closes a
 * connection with 4400 only for an invalid message. The client closes and releases all resources.
 */
internal object ClientTarget : FuzzTarget {
    override val name: String get() = "client"

    override val dictionary: List<String> get() = Vectors.WORDS + ClientSeeds.WORDS

    override fun seeds(): List<ByteArray> = ClientSeeds.all

    override fun run(input: ByteArray) {
        val time = VirtualTime()
        try {
            val application = ClientApplication(time)
            linesOf(input).take(MAX_LINES).forEach(application::line)
            application.finish()
        } finally {
            time.end()
        }
    }

    private const val MAX_LINES = 200
}

@Serializable
internal class Note(val text: String = "")

/** An application that uses a client on a fake network. */
private class ClientApplication(private val time: VirtualTime) {
    private val network =
        FakeTransport().apply {
            onMessage = { message ->
                // the input contains the replies; a call without a reply ends with a timeout
                message.type != MessageType.PING && !(acksSubscribes && message.type == MessageType.SUBSCRIBE)
            }
        }
    private var acksSubscribes = true
    private val live =
        LiveClient("ws://test/live") {
            transport = network
            context = time.scope.coroutineContext
            timeSource = time.timeSource
            random = Random(1)
            linger = 100.milliseconds
            bearer { "token" }
        }
    private var connectionsLost = 0

    init {
        live.onRequest<Note, Note>("question") { it }
        collect(live.messages)
        collect(live.topic<Note>("a").updates)
        collect(live.topic<Note>("a", CollectorOverflow.Fail) { }.messages)
        collect(live.rawTopic("b", CollectorOverflow.DropOldest).withParams(1).updates)
        collect(live.topic<Note>("b").presence<JsonElement>())
        collect(live.topic<Note>("c", CollectorOverflow.DropOldest).updates)
        time.run()
    }

    fun line(line: ByteArray) {
        if (line.isEmpty()) return
        if (line[0] == '!'.code.toByte()) {
            command(line.copyOfRange(1, line.size).decodeToString())
        } else if (network.connections.lastOrNull()?.isOpen == true) {
            receive(line)
        }
        time.run()
    }

    /** Only an invalid message may close the connection. */
    private fun receive(bytes: ByteArray) {
        val isMessage =
            try {
                JsonCodec.decode(bytes)
                true
            } catch (_: MalformedMessageException) {
                false
            }
        val wire = network.wire
        wire.pushBytes(bytes)
        time.run()
        if (isMessage) checkInvariant(wire.isOpen) { "a message closed the connection with ${wire.closedWith}" }
    }

    /**
     * Commands: `p`ublish, publish `o`nce with a key, `r`equest, `s`end; `c`ollect a topic; `b`reak the connection, or
     * close it with a code (`x`); advance the `t`ime in milliseconds; stop (`n`) or resume (`y`) the acks of
     * subscribes.
     */
    private fun command(command: String) {
        val rest = command.drop(1)
        val number = rest.take(DIGITS).toIntOrNull() ?: 0
        when (command.firstOrNull()) {
            'p' -> call { live.topic<Note>("a").publish(Note(rest), timeout = 5.seconds) }
            'o' -> call { live.topic<Note>("a").publishOnce("key", Note(rest), timeout = 5.seconds) }
            'r' -> call { live.request<Note, Note>("ask", Note(rest), timeout = 5.seconds) }
            's' -> call { live.send(Message("note", ref = "mine"), timeout = 5.seconds) }
            'c' -> collect(live.topic<Note>("d").messages)
            'b' -> network.connections.lastOrNull()?.cut()
            'x' -> network.connections.lastOrNull()?.cut(CloseCode.of(number.coerceIn(1_000, 4_999)), rest)
            't' -> time.advance(number.coerceIn(0, MAX_WAIT).milliseconds)
            'n' -> acksSubscribes = false
            'y' -> acksSubscribes = true
        }
    }

    private fun collect(flow: Flow<*>) {
        time.scope.launch { ignoringDocumentedExceptions { flow.collect {} } }
    }

    private fun call(block: suspend () -> Unit) {
        time.scope.launch { ignoringDocumentedExceptions(block) }
    }

    /** Ignores the exceptions that calls and flows document. */
    private suspend fun ignoringDocumentedExceptions(block: suspend () -> Unit) {
        try {
            block()
        } catch (e: MalformedMessageException) {
            throw AssertionError("an internal exception reached the application", e)
        } catch (_: BadPayloadException) {
            // the payload does not match the type
        } catch (_: LiveException) {
            // rejected, too slow, disconnected or closed
        } catch (_: IllegalStateException) {
            // another publish with this key is in progress
        }
    }

    fun finish() {
        time.advance(10.seconds)
        time.scope.launch { live.close() }
        time.advance(5.seconds)
        checkInvariant(live.state.value is ConnectionState.Closed) { "the client is ${live.state.value} after close()" }
        checkInvariant(network.isClosed) { "the client has not released its transport" }
        checkInvariant(network.mostOpenAtOnce <= 1) { "${network.mostOpenAtOnce} connections at the same time" }
    }

    private companion object {
        const val DIGITS = 6
        const val MAX_WAIT = 100_000
    }
}
