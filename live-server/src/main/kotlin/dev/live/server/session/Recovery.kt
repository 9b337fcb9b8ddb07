package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.dialect.ServerEvent
import dev.live.server.topic.Member
import dev.live.server.topic.SubscribeResult
import dev.live.server.topic.TopicActor

/** Runs [catchUp] and closes the session if that fails, because the ack promised a complete recovery. */
internal suspend fun catchUpOrClose(
    subscription: TopicSubscription<*>,
    first: SubscribeResult.CatchUp,
    member: Member?,
    queueBound: QueueBound,
) {
    var isDone = false
    try {
        catchUp(subscription, first, member, capacity = minOf(TopicActor.MAX_BATCH, queueBound.messages / 2))
        isDone = true
    } finally {
        if (!isDone) subscription.session.close(CloseCode.SlowConsumer, "recovery timed out")
    }
}

/**
 * Sends the missed messages as fast as the client reads, before newer ones, until the rest fits into the queue at once.
 *
 * @param capacity number of messages that fit into the queue at once
 */
private suspend fun catchUp(
    subscription: TopicSubscription<*>,
    first: SubscribeResult.CatchUp,
    member: Member?,
    capacity: Int,
) {
    val session = subscription.session
    val queue = session.state.queue
    var catchUp = first
    while (true) {
        val missed = catchUp.messages.map { ServerEvent.Published(it, catchUp.position.epoch) }
        val events = listOfNotNull(catchUp.ack) + missed
        if (!events.all { queue.send(subscription.encode(it)) } || !queue.awaitHalfEmpty()) return
        when (val next = subscription.active.subscribe(subscription, ack = null, catchUp.position, capacity, member)) {
            is SubscribeResult.CatchUp -> catchUp = next
            SubscribeResult.Subscribed -> return
            // the ack promised that no message is missing
            SubscribeResult.HistoryEvicted ->
                return session.close(CloseCode.SlowConsumer, "history evicted during recovery")
        }
    }
}
