package dev.live.test

import dev.live.client.transport.Wire
import dev.live.client.transport.WireClosedException
import dev.live.client.transport.WireEvent
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel

/**
 * The server's end of one connection of a [FakeTransport]: what it was sent, and what to send.
 *
 * What it says waits for the client, 10,000 messages at most: one more throws an [AssertionError], for in virtual time
 * that is a client that never gets to run.
 */
public class FakeWire internal constructor(
    private val codec: Codec,
    override val subprotocol: String?,
    private val toServer: FakeLine,
    private val toClient: FakeLine,
    private val override: FakeWire.(Message) -> Boolean,
) : Wire {
    private val incoming = Channel<WireEvent>(CAPACITY)
    private val topics = LinkedHashSet<String>()

    /** What the client sent, in order. */
    public val received: MutableList<Message> = mutableListOf()

    /** The topics that were joined and not left. */
    public val joined: Set<String> get() = topics

    /** How often the client waited for the network. */
    public var flushes: Int = 0
        private set

    /** Whether neither side has ended the connection. */
    public var isOpen: Boolean = true
        private set

    /** The code that the client said goodbye with, or null. */
    public var closedWith: CloseCode? = null
        private set

    /**
     * Whether the socket takes nothing more, and says nothing: a connection that is dead and does not know it, and whose
     * buffers are full. What is sent waits forever; for a network that goes on later, see [FakeDirection.isStalled].
     */
    public var isStalled: Boolean = false

    /**
     * Whether the connection is half-open, as after a NAT has forgotten it: what either side sends is swallowed, an end
     * too, and neither is told. The client finds out by its heartbeat or a probe.
     */
    public var isHalfOpen: Boolean = false

    /** What the client sent of [type], in order. */
    public fun sent(type: String): List<Message> = received.filter { it.type == type }

    /** Sends [message] to the client. */
    public fun push(message: Message): Unit = push(message, message.topic)

    /** Sends [message] in its place among what is said of [topic]. */
    private fun push(message: Message, topic: String) {
        if (isOpen && !isStalled) say(WireEvent.Received(codec.encode(message)), topic)
    }

    /** Sends [bytes] to the client, which need not be a message. */
    public fun pushBytes(bytes: ByteArray) {
        say(WireEvent.Received(bytes), topic = null)
    }

    /** Says that [message] was carried out. */
    public fun ack(message: Message): Unit = push(Message(MessageType.ACK, ref = message.ref), message.topic)

    /** Answers [message] with an error; [code] as on the wire, such as `forbidden`. */
    public fun refuse(message: Message, code: String, reason: String): Unit =
        push(Message(MessageType.ERROR, message.topic, message.ref, Body.of(ErrorData(code, reason))))

    /** Ends the connection from the server's side, after what was sent: with a close frame, or by breaking. */
    public fun cut(code: CloseCode = CloseCode.Abnormal, reason: String = "") {
        if (!isOpen) return
        isOpen = false
        say(WireEvent.Closed(code, reason), topic = null)
    }

    /** Gives [message] the answer that a server without rules gives. */
    public fun answer(message: Message) {
        when (message.type) {
            MessageType.SUBSCRIBE -> {
                topics += message.topic
                ack(message)
            }
            MessageType.UNSUBSCRIBE -> {
                topics -= message.topic
                ack(message)
            }
            MessageType.PUBLISH -> {
                ack(message)
                if (message.topic in topics) push(Message(MessageType.MESSAGE, message.topic, body = message.body))
            }
            MessageType.AUTH -> ack(message)
            MessageType.PING -> push(Message(MessageType.PONG, ref = message.ref))
        }
    }

    internal fun vanish() {
        isOpen = false
    }

    private fun say(event: WireEvent, topic: String?) {
        if (toClient.isFull) throw AssertionError("$CAPACITY messages are on their way to the client. Let time pass.")
        toClient.carry(topic) { arrive(event) }
    }

    private fun arrive(event: WireEvent) {
        if (isHalfOpen || incoming.trySend(event).isSuccess) return
        throw AssertionError("the client has $CAPACITY messages to read. Let it run, with runCurrent().")
    }

    override suspend fun receive(): WireEvent = incoming.receive()

    override suspend fun send(bytes: ByteArray, isBinary: Boolean) {
        check(isBinary == codec.isBinary) { "wrong kind of frame" }
        if (!isOpen) throw WireClosedException()
        if (isStalled) awaitCancellation()
        toServer.awaitRoom()
        val message = codec.decode(bytes)
        toServer.carry(message.topic) { take(message) }
    }

    private fun take(message: Message) {
        if (!isOpen || isHalfOpen) return
        received += message
        if (!override(message)) answer(message)
    }

    override suspend fun flush() {
        if (!isOpen) throw WireClosedException()
        flushes++
    }

    override suspend fun close(code: CloseCode, reason: String) {
        if (!isOpen) return
        isOpen = false
        closedWith = code
    }
}

/** Messages that may wait for the client. */
private const val CAPACITY = FakeLine.CAPACITY
