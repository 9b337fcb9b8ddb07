package dev.live.fuzz.session

import dev.live.fuzz.VirtualTime
import dev.live.fuzz.checkInvariant
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.server.LiveServer
import dev.live.server.transport.Inbound
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.launch
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Identifies the client whose connection runs in this context: sessions of pending logins open in any order. */
private class Connection(val client: Client) : AbstractCoroutineContextElement(Connection) {
    companion object Key : CoroutineContext.Key<Connection>
}

/** Executes the lines of one script. */
internal class ScriptRunner(private val options: Options, private val time: VirtualTime) {
    private val server = LiveServer(settings(options, time.dispatcher), time.scope.coroutineContext) { time.now }
    private val endpoint =
        server.serve(
            application(options)
                .apply { onOpen { currentCoroutineContext()[Connection]!!.client.session = session } }
                .build(),
        )
    private val clients = LinkedHashMap<Int, Client>()
    private var current = client(0)

    fun line(line: ByteArray) {
        if (line.isEmpty()) return
        when (line[0].toInt().toChar()) {
            '!' -> command(line.copyOfRange(1, line.size).decodeToString())
            '#' -> current.send(line.copyOfRange(1, line.size), isText = false)
            else -> current.send(line, isText = true)
        }
        if (options.isBurst) return
        time.run()
        check()
    }

    /**
     * Commands: select the current client (`0` to `2`); `p`ing, p`o`ng, close with `c`ode, `b`reak the connection;
     * `s`tall or resume (`f`) reading; advance the `t`ime in milliseconds; the server publis`h`es to a topic, `j`oins a
     * client to it, `k`icks, closes with a code (`x`), `d`rains.
     */
    private fun command(command: String) {
        val rest = command.drop(1)
        val number = rest.take(DIGITS).toIntOrNull() ?: 0
        when (command.firstOrNull()) {
            '0', '1', '2' -> current = client(command[0] - '0')
            'p' -> current.socket.receiveFromClient(Inbound.Ping(rest.encodeToByteArray()))
            'o' -> current.socket.receiveFromClient(Inbound.Pong)
            'c' -> current.socket.receiveFromClient(Inbound.Close(number))
            'b' -> current.socket.disconnect()
            's' -> current.stall()
            'f' -> current.flow()
            't' -> time.advance(number.coerceIn(0, MAX_WAIT).milliseconds)
            'k' -> current.session?.kick(rest)
            'x' -> if (number in SENDABLE) current.session?.close(CloseCode.of(number), rest)
            'd' -> time.scope.launch { server.drain() }
            'h' -> onServer { server.topic(rest).publish(Body.json("""{"text":"server"}""")) }
            'j' -> onServer { current.session?.subscribe(rest) }
        }
    }

    /** Runs a server call with a generated topic name, which may be rejected. */
    private fun onServer(block: suspend () -> Unit) {
        time.scope.launch {
            try {
                block()
            } catch (_: IllegalArgumentException) {
                // invalid topic name
            } catch (_: dev.live.protocol.LiveException) {
                // undeclared topic, or too many topics
            }
        }
    }

    private fun client(number: Int): Client {
        clients[number]?.let { return it }
        val client = Client(options)
        clients[number] = client
        val known = USERS.getOrNull(number)
        time.scope.launch(Connection(client)) { endpoint.serve(client.socket, slot = 0, known, "127.0.0.1") }
        time.run()
        return client
    }

    private fun check() {
        for (client in clients.values) {
            client.checkCounts()
            client.checkCloseCode()
        }
    }

    /** Runs until all replies have arrived, and checks that nothing remains. */
    fun finish() {
        clients.values.forEach { it.flow() }
        time.run()
        for (second in 0 until MAX_SECONDS) {
            if (clients.values.none { it.isOpen && !it.hasAllReplies }) break
            time.advance(1.seconds)
        }
        check()
        clients.values.filter { it.isOpen }.forEach { it.checkComplete() }
        clients.values.forEach { it.socket.disconnect() }
        time.advance(20.seconds)
        checkInvariant(server.sessions.isEmpty()) { "${server.sessions.size} sessions remain" }
        val topics = clients.values.flatMap { it.session?.topics.orEmpty() }
        checkInvariant(topics.isEmpty()) { "ended sessions still subscribe to $topics" }
    }

    private companion object {
        val USERS = listOf(User("ann"), User("bob")) // the third client authenticates with a message
        val SENDABLE = 3_000..4_999
        const val DIGITS = 6
        const val MAX_WAIT = 100_000

        /** Limit in seconds: enough for 200 slow handlers in sequence. */
        const val MAX_SECONDS = 250
    }
}
