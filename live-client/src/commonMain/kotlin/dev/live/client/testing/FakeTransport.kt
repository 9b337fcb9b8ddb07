package dev.live.client.testing

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.transport.Wire
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first

/**
 * An in-memory network and server for one client, to test an application's behavior on an unreliable network or with a
 * slow server in virtual time.
 *
 * ```
 * @Test
 * fun `shows a lost connection`() = runTest {
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
 * The server sends an `ack` for `subscribe`, `unsubscribe` and `publish`, delivers publications to subscribers, and
 * replies to pings. It accepts everything. [onMessage] and the other properties change this behavior; [requests] and
 * [connections] record the calls. Use it only on the client's dispatcher, which is the test's dispatcher in virtual
 * time.
 *
 * By default the network has no delay and never fails. [toServer] and [toClient] add delays or stalls,
 * [reordersTopics] changes the order between topics, [outage] and [isUnreachable] prevent connecting, [FakeWire.cut]
 * ends a connection, and [FakeWire.isHalfOpen] drops messages silently. No other messages are lost.
 *
 * @param codec the codec of the server; the client must offer it
 * @param seed seed of all random delays. Equal seeds give equal delays
 */
public class FakeTransport(private val codec: Codec = JsonCodec, seed: Int = 0) : Transport {
    /** The direction from the client to the server. Connecting takes the delay of both directions. */
    public val toServer: FakeDirection = FakeDirection(seed)

    /** The direction from the server to the client. */
    public val toClient: FakeDirection = FakeDirection(seed.inv())

    /**
     * Whether the jitter of [toClient] may change the order of messages of different topics. Servers guarantee the
     * order within a topic only. Default false.
     */
    public var reordersTopics: Boolean by toClient::reordersTopics

    /** The connect requests of the client, in order. */
    public val requests: MutableList<ConnectRequest> = mutableListOf()

    /** All connections, the newest last. */
    public val connections: MutableList<FakeWire> = mutableListOf()

    /** Failures of the next connects, one each: an [UpgradeRejectedException] or a network error. */
    public val connectFailures: ArrayDeque<Exception> = ArrayDeque()

    /** If not null, the failure of every connect after [connectFailures], such as the error of a server outage. */
    public var outage: Exception? = null

    /** Whether a connect hangs. A hanging connect continues when this is false again. */
    public var isUnreachable: Boolean
        get() = !isReachable.value
        set(value) {
            isReachable.value = !value
        }
    private val isReachable = MutableStateFlow(true)

    /** The subprotocol in the server's upgrade response; null for none. */
    public var subprotocol: String? = codec.subprotocol

    /** Handles a message before the server's default reply. Returns true to suppress the default reply. */
    public var onMessage: FakeWire.(Message) -> Boolean = { false }

    /** Whether the client has closed the transport. A client does so when it is closed. */
    public var isClosed: Boolean = false
        private set

    /** The highest number of simultaneous connections so far. */
    public var mostOpenAtOnce: Int = 0
        private set
    private var open = 0

    /**
     * The open connection.
     *
     * @throws IllegalStateException if no connection is open
     */
    public val wire: FakeWire
        get() = checkNotNull(connections.lastOrNull()?.takeIf { it.isOpen }) { "no connection is open" }

    /** The topics that the client is subscribed to, from the server's view. */
    public val subscribedTopics: Set<String>
        get() = connections.lastOrNull()?.takeIf { it.isOpen }?.subscribedTopics.orEmpty()

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
        requests += request
        connectFailures.removeFirstOrNull()?.let { throw it }
        outage?.let { throw it }
        isReachable.first { it }
        toServer.pass()
        toClient.pass()
        return coroutineScope {
            val wire =
                FakeWire(
                    codec,
                    subprotocol,
                    InFlightMessages(this, toServer),
                    InFlightMessages(this, toClient),
                ) { onMessage(it) }
            connections += wire
            open++
            mostOpenAtOnce = maxOf(mostOpenAtOnce, open)
            try {
                use(wire)
            } finally {
                open--
                wire.markClosed()
                coroutineContext.cancelChildren()
            }
        }
    }

    /** Blocks both directions until [resume]. */
    public fun stall() {
        toServer.isStalled = true
        toClient.isStalled = true
    }

    /** Unblocks both directions after [stall]. All waiting messages arrive at once. */
    public fun resume() {
        toServer.isStalled = false
        toClient.isStalled = false
    }

    override fun close() {
        check(!isClosed) { "the transport was closed twice" }
        isClosed = true
    }
}
