package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.support.FakeCodec
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.wordMessage
import dev.live.server.topic.CodecTable
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import kotlinx.coroutines.Runnable

/** [isWoken]: its writer polls, as on Netty, and does not wait in it. */
internal fun queue(capacity: Int = 256, maxBytes: Int = 1024 * 1024, isWoken: Boolean = false) =
    SessionQueue(QueueBound(capacity, maxBytes), slot = 0).apply { if (isWoken) waker = Runnable {} }

internal fun run(vararg words: String): MessageBatch =
    MessageBatch(words.map { prepared(wordMessage(it)) }, CodecTable(listOf(FakeCodec())))

internal fun word(size: Int): PreparedMessage = prepared(wordMessage("a".repeat(size)))

internal suspend fun SessionQueue.take(most: Int = 1): List<String> = takeFrames(most).map {
    it.payload().decodeToString()
}

internal suspend fun SessionQueue.takeFrames(most: Int = 1): List<OutboundFrame> = checkNotNull(takenFrames(most))

/** What its kind of writer takes; null at the end. */
internal suspend fun SessionQueue.takenFrames(most: Int): List<OutboundFrame>? {
    val batch = arrayOfNulls<OutboundFrame>(most)
    val count = if (waker == null) take(batch) else poll(batch)
    return if (count < 0) null else batch.take(count).map { it!! }
}
