package dev.live.benchmarks.micro

import dev.live.protocol.Body
import dev.live.protocol.JsonCodec
import dev.live.protocol.Position
import dev.live.server.LiveConfig
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.dispatch.Dispatcher
import dev.live.server.dispatch.HandlerGuard
import dev.live.server.dispatch.Tokens
import dev.live.server.dispatch.TopicCommands
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.session.Session
import dev.live.server.session.SessionRuntime
import dev.live.server.topic.TopicRegistry
import dev.live.server.topic.TopicRuntime
import dev.live.server.transport.Inbound
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.State
import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.time.Clock

/**
 * A client's publish, from the bytes of its frame to the broker: decoding, limits and topic lookup. The broker is a
 * no-op.
 */
@State(Scope.Thread)
open class DispatchBenchmark {
    private var published: Body? = null
    private val bytes = JsonCodec.encode(BenchmarkMessages.message("publish"))
    private val session: Session<Unit>
    private val dispatcher: Dispatcher<Unit>
    private val publish: suspend () -> Unit = { dispatcher.handle(session, Inbound.Data(bytes, isText = true)) }
    private val done = Continuation<Unit>(EmptyCoroutineContext) { it.getOrThrow() }

    init {
        val config = LiveConfig()
        config.limits {
            messagesPerSecond = Int.MAX_VALUE
            burst = Int.MAX_VALUE
            bytesPerSecond = Int.MAX_VALUE
        }
        val settings = config.build()
        val now = { System.nanoTime() / 1_000_000 }
        val endpoint =
            LiveEndpoint<Unit>("/live").apply { rawTopic("room/{room}") { publishWithoutSubscribing = true } }.build()
        val broker = NoBroker { published = it.body }
        val scope = CoroutineScope(Dispatchers.Unconfined + Job())
        val topics = TopicRuntime(scope, settings.dialects, settings.topicBuffer, broker = broker, now = now)
        val registry = TopicRegistry(topics, settings.topicLinger)
        val runtime = SessionRuntime(settings.session, registry, slot = 0, now = now)
        session =
            Session("session", Unit, null, "127.0.0.1", Clock.System.now(), "none", runtime, EmptyCoroutineContext)
        val guard = HandlerGuard(settings.session.handlerTimeout)
        val commands = TopicCommands(endpoint.topics, guard, registry)
        val tokens = Tokens(endpoint, settings.limits.expiryWarning, now)
        dispatcher = Dispatcher(endpoint, commands, tokens, settings.limits, guard, now)
    }

    @Benchmark
    fun publish(): Body? {
        val outcome = publish.startCoroutineUninterceptedOrReturn(done)
        check(outcome != COROUTINE_SUSPENDED) { "dispatch suspended, so only its first part was measured" }
        return published
    }
}

/** Passes each publication to [onPublish], and delivers none. */
private class NoBroker(private val onPublish: (Publication) -> Unit) : Broker {
    override suspend fun run(sink: BrokerSink): Unit = awaitCancellation()

    override suspend fun publish(publication: Publication): Position? {
        onPublish(publication)
        return null
    }

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position? = null

    override suspend fun unsubscribe(topic: String): Unit = Unit

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory =
        error("the benchmark reads no history")
}
