package dev.live.server.session

import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.FakeCodec
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import kotlinx.coroutines.Runnable

/** A queue. With [isWoken] its writer polls, as on Netty; otherwise the writer suspends. */
internal fun queue(capacity: Int = 256, maxBytes: Int = 1024 * 1024, isWoken: Boolean = false) =
    SessionQueue(QueueBound(capacity, maxBytes)).apply { if (isWoken) waker = Runnable {} }

internal fun batchOf(vararg texts: String): MessageBatch =
    MessageBatch(texts.map { prepared(textMessage(it)) }, DialectTable(listOf(FakeCodec())))

internal fun messageOfSize(size: Int): PreparedMessage = prepared(textMessage("a".repeat(size)))

internal fun SessionQueue.offer(message: PreparedMessage, isBurst: Boolean = false): OfferResult =
    offer(message.frameFor(slot = 0), isBurst)

internal fun SessionQueue.offer(batch: MessageBatch): OfferResult = offer(batch.frameFor(slot = 0))

internal fun SessionQueue.offerLossy(
    topic: LossyQueue.TopicEntries,
    key: Any,
    message: PreparedMessage,
    limit: Int,
): Boolean = offerLossy(topic, key, message.frameFor(slot = 0), limit, message.hasOffset)

internal suspend fun SessionQueue.send(message: PreparedMessage): Boolean = send(message.frameFor(slot = 0))

internal suspend fun SessionQueue.take(most: Int = 1): List<String> = takeFrames(most).map {
    it.payload().decodeToString()
}

internal suspend fun SessionQueue.takeFrames(most: Int = 1): List<OutboundFrame> = checkNotNull(takenFrames(most))

/** Takes up to [most] frames as the queue's kind of writer does. Returns null at the end. */
internal suspend fun SessionQueue.takenFrames(most: Int): List<OutboundFrame>? {
    val batch = arrayOfNulls<OutboundFrame>(most)
    val count = if (waker == null) take(batch) else poll(batch)
    return if (count < 0) null else batch.take(count).map { it!! }
}
