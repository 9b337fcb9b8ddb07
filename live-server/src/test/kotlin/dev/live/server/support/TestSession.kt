package dev.live.server.support

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.session.CloseReason
import dev.live.server.session.EndpointTopics
import dev.live.server.session.OverflowPolicy
import dev.live.server.session.QueueBound
import dev.live.server.session.Session
import dev.live.server.session.SessionHandler
import dev.live.server.session.SessionRegistry
import dev.live.server.session.SessionRunner
import dev.live.server.session.SessionRuntime
import dev.live.server.session.SessionSettings
import dev.live.server.topic.TopicRegistry
import dev.live.server.transport.Inbound
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant

/** The protocol's defaults, with overrides. */
internal fun sessionSettings(
    queueCapacity: Int = 256,
    queueBytes: Int = 1024 * 1024,
    writeTimeout: Duration = 10.seconds,
    closeTimeout: Duration = 5.seconds,
    heartbeatInterval: Duration = 25.seconds,
    heartbeatTimeout: Duration = 60.seconds,
) = SessionSettings(
    QueueBound(queueCapacity, queueBytes),
    OverflowPolicy.Close,
    writeTimeout,
    handlerTimeout = 30.seconds,
    closeTimeout,
    maxTopics = 100,
    heartbeatInterval,
    heartbeatTimeout,
    reconnectWindow = 1.seconds..3.seconds,
)

internal fun testSession(
    runtime: SessionRuntime,
    scope: CoroutineScope,
    id: String = "session",
    user: String? = null,
    declared: EndpointTopics<Unit>? = null,
): Session<Unit> =
    Session(id, Unit, user, "127.0.0.1", Instant.DISTANT_PAST, "fake", runtime, scope.coroutineContext, declared)

/**
 * A session over a [FakeSocket] in the virtual time of [test].
 *
 * [onOpen] and [onMessage] stand for the application's handlers; [reasons] records the calls of `onClose`.
 */
@OptIn(ExperimentalCoroutinesApi::class)
internal class TestSession(
    private val test: TestScope,
    settings: SessionSettings = sessionSettings(),
    counters: ServerCounters = ServerCounters(),
    val codec: FakeCodec = FakeCodec(),
    val topics: TopicRegistry = TestTopics(
        test.backgroundScope,
        DialectTable(listOf(codec)),
        counters = counters,
    ).registry,
    private val id: String = "session",
    slot: Int = 0,
) {
    val socket = FakeSocket()
    val sessions = SessionRegistry()
    val reasons = mutableListOf<CloseReason>()

    var onOpen: suspend (Session<Unit>) -> CloseReason? = { null }
    var onMessage: suspend (Session<Unit>, String) -> Unit = { _, _ -> }

    /** The handlers of all topics. Topics with names that start with `un` are not declared. */
    val handlers = FakeHandlers()
    private val declared =
        EndpointTopics { topic ->
            if (topic.startsWith("un")) throw LiveException(ErrorCode.UnknownTopic, "not declared")
            handlers
        }

    private val runtime = SessionRuntime(settings, topics, slot) { test.currentTime }
    private val runner = SessionRunner(socket, Handler(), settings) { test.currentTime }

    lateinit var session: Session<Unit>
        private set

    /** Starts the session and runs it until it suspends. */
    fun start(): Job = test.launch { runner.run() }.also { test.runCurrent() }

    private inner class Handler : SessionHandler<Unit> {
        override fun create(scope: CoroutineScope): Session<Unit> =
            testSession(runtime, scope, id, user = "ann", declared).also { session = it }

        override suspend fun open(session: Session<Unit>): CloseReason? {
            sessions.add(session, perUser = Int.MAX_VALUE)
            return onOpen(session)
        }

        override fun admitsControl(session: Session<Unit>): Boolean = true

        override suspend fun handle(session: Session<Unit>, data: Inbound.Data) =
            onMessage(session, data.bytes.decodeToString())

        override suspend fun closed(session: Session<Unit>, reason: CloseReason) {
            sessions.remove(session)
            reasons += reason
        }
    }
}
