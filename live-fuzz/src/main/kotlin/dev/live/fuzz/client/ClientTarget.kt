package dev.live.fuzz.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.topic.CollectorOverflow
import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.VirtualTime
import dev.live.fuzz.codec.Vectors
import dev.live.fuzz.rule
import dev.live.fuzz.session.linesOf
import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.test.FakeTransport
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * A client whose server says what the input says: a line is a message, or a command that begins with `!`.
 *
 * Rules: what comes never fails anything but the call or the flow that it is for, with an exception that they document; a
 * connection ends with 4400 only over what is no message; the client closes, and nothing of it is left.
 */
internal object ClientTarget : FuzzTarget {
    override val name: String get() = "client"

    override val dictionary: List<String> get() = Vectors.WORDS + ClientSeeds.WORDS

    override fun seeds(): List<ByteArray> = ClientSeeds.all

    override fun run(input: ByteArray) {
        val time = VirtualTime()
        try {
            val user = ClientUser(time)
            linesOf(input).take(MAX_LINES).forEach(user::line)
            user.finish()
        } finally {
            time.end()
        }
    }

    private const val MAX_LINES = 200
}

@Serializable
internal class Note(val text: String = "")

/** An application on a client, and the network below it. */
private class ClientUser(private val time: VirtualTime) {
    private val network =
        FakeTransport().apply {
            onMessage = { message ->
                // the input answers; what is not answered in time ends as a timeout
                message.type != MessageType.PING && !(isServerWell && message.type == MessageType.SUBSCRIBE)
            }
        }
    private var isServerWell = true
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
            push(line)
        }
        time.run()
    }

    /** A message ends the connection only if it is none. */
    private fun push(bytes: ByteArray) {
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
        if (isMessage) rule(wire.isOpen) { "a message closed the connection with ${wire.closedWith}" }
    }

    /**
     * `p`ublish, publish `o`nce with a key, `r`equest, `s`end; `c`ollect a topic; the connection `b`reaks, or `x` ends with
     * a code; `t`ime in milliseconds; the server does not ack `n` or does ack `y` what is subscribed.
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
            'n' -> isServerWell = false
            'y' -> isServerWell = true
        }
    }

    private fun collect(flow: Flow<*>) {
        time.scope.launch { documented { flow.collect {} } }
    }

    private fun call(block: suspend () -> Unit) {
        time.scope.launch { documented(block) }
    }

    /** Calls and flows fail with these, and with nothing else. */
    private suspend fun documented(block: suspend () -> Unit) {
        try {
            block()
        } catch (e: MalformedMessageException) {
            throw AssertionError("the client's own exception reached the application", e)
        } catch (_: BadPayloadException) {
            // not what the type says
        } catch (_: LiveException) {
            // refused, too slow, disconnected or closed
        } catch (_: IllegalStateException) {
            // another publish with this key is under way
        }
    }

    fun finish() {
        time.advance(10.seconds)
        time.scope.launch { live.close() }
        time.advance(5.seconds)
        rule(live.state.value is ConnectionState.Closed) { "the client is ${live.state.value} after close" }
        rule(network.isClosed) { "the client has not released its transport" }
        rule(network.mostOpenAtOnce <= 1) { "${network.mostOpenAtOnce} connections at the same time" }
    }

    private companion object {
        const val DIGITS = 6
        const val MAX_WAIT = 100_000
    }
}
