package dev.live.test

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRefusedException
import dev.live.client.transport.Wire
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first

/**
 * A network and a server in memory, for one client: to test in virtual time what an application does when its network
 * is bad or its server slow.
 *
 * ```
 * @Test
 * fun `a lost connection is shown`() = runTest {
 *     val network = FakeTransport()
 *     val live = LiveClient("ws://test/live") {
 *         transport = network
 *         context = backgroundScope.coroutineContext // ends with the test
 *         timeSource = testTimeSource
 *     }
 *     val screen = ChatScreen(live, backgroundScope)
 *     runCurrent()
 *     network.wire.cut()
 *     runCurrent()
 *     assertEquals("offline", screen.banner)
 * }
 * ```
 *
 * The server acks `subscribe`, `unsubscribe` and `publish`, publishes to those who joined, and answers pings; it has no
 * rules of its own. The knobs change that, and [requests] and [connections] remember what happened. To be used on the
 * client's dispatcher, which in virtual time is the test's.
 *
 * The network is instant and never fails until it is told to: [toServer] and [toClient] are slow or stalled,
 * [reordersTopics], [outage] and [isUnreachable] keep from connecting, [FakeWire.cut] ends a connection and
 * [FakeWire.isHalfOpen] swallows what is sent over it. Messages are never lost otherwise.
 *
 * @param codec what the server speaks; the client must offer it
 * @param seed decides all that is random: with the same one, the same happens again
 */
public class FakeTransport(private val codec: Codec = JsonCodec, seed: Int = 0) : Transport {
    /** What the network does with what the client says. Connecting takes a way there and one back. */
    public val toServer: FakeDirection = FakeDirection(seed)

    /** What the network does with what the server says. */
    public val toClient: FakeDirection = FakeDirection(seed.inv())

    /**
     * Whether what the server says of different topics may arrive in another order, as far as the jitter of [toClient]
     * mixes it: servers promise an order within a topic only. Default false.
     */
    public var reordersTopics: Boolean by toClient::reordersTopics

    /** What the client asked for, each time that it connected. */
    public val requests: MutableList<ConnectRequest> = mutableListOf()

    /** Every connection that was made, the newest last. */
    public val connections: MutableList<FakeWire> = mutableListOf()

    /** Thrown by the next connects, one each: an [UpgradeRefusedException], or what the network says. */
    public val refusals: ArrayDeque<Exception> = ArrayDeque()

    /** Thrown by every connect while it is not null, after [refusals]: what a network says whose server is down. */
    public var outage: Exception? = null

    /** Whether connecting does not end; what is under way then goes on when this is false again. */
    public var isUnreachable: Boolean
        get() = !isReachable.value
        set(value) {
            isReachable.value = !value
        }
    private val isReachable = MutableStateFlow(true)

    /** The subprotocol that the server names; null names none. */
    public var subprotocol: String? = codec.subprotocol

    /** What the server does with a message in place of its own answer; true: nothing more. */
    public var onMessage: FakeWire.(Message) -> Boolean = { false }

    /** Whether the client has released the transport, as it does when it is closed. */
    public var isClosed: Boolean = false
        private set

    /** How many connections there ever were at the same time. */
    public var mostOpenAtOnce: Int = 0
        private set
    private var open = 0

    /**
     * The connection that is open now.
     *
     * @throws IllegalStateException if none is
     */
    public val wire: FakeWire
        get() = checkNotNull(connections.lastOrNull()?.takeIf { it.isOpen }) { "no connection is open" }

    /** The topics that the server knows the client to have joined. */
    public val joined: Set<String> get() = connections.lastOrNull()?.takeIf { it.isOpen }?.joined.orEmpty()

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
        requests += request
        refusals.removeFirstOrNull()?.let { throw it }
        outage?.let { throw it }
        isReachable.first { it }
        toServer.pass()
        toClient.pass()
        return coroutineScope {
            val wire =
                FakeWire(codec, subprotocol, FakeLine(this, toServer), FakeLine(this, toClient)) { onMessage(it) }
            connections += wire
            open++
            mostOpenAtOnce = maxOf(mostOpenAtOnce, open)
            try {
                use(wire)
            } finally {
                open--
                wire.vanish()
                coroutineContext.cancelChildren()
            }
        }
    }

    /** Has nothing pass either way, until [resume]. */
    public fun stall() {
        toServer.isStalled = true
        toClient.isStalled = true
    }

    /** Ends what [stall] began: all that waited arrives at once. */
    public fun resume() {
        toServer.isStalled = false
        toClient.isStalled = false
    }

    override fun close() {
        check(!isClosed) { "closed twice" }
        isClosed = true
    }
}
