package dev.live.server.support

import dev.live.protocol.Message
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.TopicPolicy
import dev.live.server.topic.TopicRegistry
import dev.live.server.topic.TopicRuntime
import kotlinx.coroutines.CoroutineScope
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** A topic registry with a manual clock. */
internal class TestTopics(
    scope: CoroutineScope,
    codecs: DialectTable = DialectTable(listOf(FakeCodec())),
    buffer: Int = 64,
    linger: Duration = 30.seconds,
    /** By default the dispatcher of [scope], so that a test can delay delivery. */
    fanOut: CoroutineContext = EmptyCoroutineContext,
    counters: ServerCounters = ServerCounters(),
    policy: TopicPolicy = TopicPolicy.None,
    maxIdleBytes: Long = Long.MAX_VALUE,
) {
    @Volatile
    var now = 0L

    val registry =
        TopicRegistry(
            TopicRuntime(scope, codecs, buffer, fanOut, counters = counters) { now },
            linger,
            { policy },
            maxIdleBytes,
        )
}

internal fun prepared(
    message: Message,
    except: String? = null,
    codecs: DialectTable = DialectTable(listOf(FakeCodec())),
) = PreparedMessage(message, codecs, except)
