package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Broker
import dev.live.server.broker.LocalBroker
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.currentTime
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

internal val ack = Message(MessageType.ACK)

/** One active topic; by default its coroutine runs in [scope]. */
internal fun hub(
    scope: CoroutineScope,
    buffer: Int = 64,
    actor: CoroutineContext? = EmptyCoroutineContext,
    inPlace: Int = 16_384,
) = ActiveTopic(
    "t",
    TopicRuntime(
        scope,
        DialectTable(listOf(FakeCodec())),
        buffer,
        actor,
        inPlace,
        broker = LocalBroker {
            0
        },
    ) { 0 },
)

/** One active topic with [policy] in the time of [test]; publishers deliver. */
@OptIn(ExperimentalCoroutinesApi::class)
internal fun hub(test: TestScope, policy: TopicPolicy, broker: Broker = LocalBroker { 0 }) = ActiveTopic(
    "t",
    TopicRuntime(test.backgroundScope, DialectTable(listOf(FakeCodec())), buffer = 64, broker = broker) {
        test.currentTime
    },
    policy,
)
