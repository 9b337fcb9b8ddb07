package dev.live.test

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRefusedException
import dev.live.client.transport.Wire
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
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
 *         context = StandardTestDispatcher(testScheduler)
 *         timeSource = testTimeSource
 *     }
 *     val screen = ChatScreen(live, backgroundScope)
 *     runCurrent()
 *     network.wire.cut()
 *     runCurrent()
 *     assertEquals("offline", screen.banner)
 *     live.close()
 * }
 * ```
 *
 * The server acks `subscribe`, `unsubscribe` and `publish`, publishes to those who joined, and answers pings; it has no
 * rules of its own. The knobs change that, and [requests] and [connections] remember what happened. To be used on the
 * client's dispatcher, which in virtual time is the test's.
 *
 * @param codec what the server speaks; the client must offer it
 */
public class FakeTransport(private val codec: Codec = JsonCodec) : Transport {
    /** What the client asked for, each time that it connected. */
    public val requests: MutableList<ConnectRequest> = mutableListOf()

    /** Every connection that was made, the newest last. */
    public val connections: MutableList<FakeWire> = mutableListOf()

    /** Thrown by the next connects, one each: an [UpgradeRefusedException], or what the network says. */
    public val refusals: ArrayDeque<Exception> = ArrayDeque()

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
        isReachable.first { it }
        val wire = FakeWire(codec, subprotocol) { onMessage(it) }
        connections += wire
        open++
        mostOpenAtOnce = maxOf(mostOpenAtOnce, open)
        try {
            return use(wire)
        } finally {
            open--
            wire.vanish()
        }
    }

    override fun close() {
        check(!isClosed) { "closed twice" }
        isClosed = true
    }
}
