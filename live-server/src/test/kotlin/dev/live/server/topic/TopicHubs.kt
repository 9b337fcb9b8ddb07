package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.FakeCodec
import kotlinx.coroutines.CoroutineScope
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

internal val ack = Message(MessageType.ACK)

/** The hub of one topic; by default its fan-out runs where [scope] does. */
internal fun hub(
    scope: CoroutineScope,
    buffer: Int = 64,
    fanOut: CoroutineContext? = EmptyCoroutineContext,
    inPlace: Int = 16_384,
) = TopicHub("t", scope, CodecTable(listOf(FakeCodec())), buffer, fanOut, maxInPlace = inPlace)
