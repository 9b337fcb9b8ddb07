package dev.live.server.support

import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.LocalBroker
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.TopicPolicies
import dev.live.server.topic.TopicPolicy
import dev.live.server.topic.TopicRegistry
import dev.live.server.topic.TopicRuntime
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** A topic registry with the local broker and a manual clock. */
internal class TestTopics(
    scope: CoroutineScope,
    codecs: DialectTable = DialectTable(listOf(FakeCodec())),
    buffer: Int = 64,
    linger: Duration = 30.seconds,
    /** By default the dispatcher of [scope], so that a test can delay delivery; null delivers in the publisher. */
    fanOut: CoroutineContext? = EmptyCoroutineContext,
    counters: ServerCounters = ServerCounters(),
    policy: TopicPolicy = TopicPolicy.None,
    maxIdleBytes: Long = Long.MAX_VALUE,
    policies: TopicPolicies = TopicPolicies { policy },
    clock: (() -> Long)? = null,
) {
    @Volatile
    var now = 0L

    private val time: () -> Long = clock ?: { now }

    /** A test sweeps it itself. */
    val broker = LocalBroker(maxIdleBytes, sweepPeriod = Duration.INFINITE, time)

    val registry =
        TopicRegistry(
            TopicRuntime(scope, codecs, buffer, fanOut, counters = counters, broker = broker, now = time),
            linger,
            policies,
        )

    init {
        // not in the scope of the test, which may wait for its coroutines: it only waits to be cancelled
        CoroutineScope(Dispatchers.Unconfined).launch { broker.run(registry) }
    }
}

internal suspend fun TopicRegistry.publish(topic: String, key: String? = null): Position? =
    publish(topic, body = null, key = key)

internal fun prepared(
    message: Message,
    except: String? = null,
    codecs: DialectTable = DialectTable(listOf(FakeCodec())),
) = PreparedMessage(message, codecs, except)
