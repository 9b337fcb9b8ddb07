package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.UnsubscribeData
import dev.live.protocol.of
import dev.live.server.frame.wellFormed
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull

/** Subscribes the client to [topic]; returns false if it is already subscribed or the session has ended. */
internal suspend fun <Meta : Any> SessionState<Meta>.subscribeFromServer(topic: String): Boolean {
    if (endReason != null || topic in subscriptions) return false
    val handlers = endpointTopics.handlersOf(topic)
    subscriptions.requireCapacity()
    // before taking the lock: no application code runs under it
    val member = handlers.member(session, topic, params = null, HandlerCaller.Application)
    var created: TopicSubscription<Meta>? = null
    change(topic, isDone = { created != null }) {
        // the end of the session takes the lock after this, and removes the new subscription
        if (endReason != null || topic in subscriptions) return@change
        subscriptions.requireCapacity() // again: the limit may have been reached in the meantime
        created = subscriptions.subscribe(topic, handlers, Message(MessageType.SUBSCRIBE, topic), member = member)
    }
    val subscription = created ?: return false
    handlers.subscribed(subscription, welcome = null, HandlerCaller.Application)
    return true
}

/**
 * Unsubscribes the client from [topic]; returns false if it was not subscribed.
 *
 * @param reason sent to the client; empty for none
 * @param only the subscription to end; null ends any
 */
internal suspend fun <Meta : Any> SessionState<Meta>.unsubscribeFromServer(
    topic: String,
    reason: String = "",
    only: Subscription<Meta>? = null,
): Boolean {
    if (topic !in subscriptions) return false
    val data = if (reason.isEmpty()) null else Body.of(UnsubscribeData(reason.wellFormed()))
    val message = Message(MessageType.UNSUBSCRIBE, topic, body = data)
    var removed: TopicSubscription<Meta>? = null
    try {
        change(topic, isDone = { removed != null }) { removed = subscriptions.unsubscribe(topic, message, only) }
    } finally {
        removed?.cancelScope()
    }
    val subscription = removed ?: return false
    // the caller may run in the scope that was just cancelled
    withContext(NonCancellable) { subscription.handlers.unsubscribed(subscription, HandlerCaller.Application) }
    return true
}

/**
 * The timeout covers a topic that ends in the middle of the change: the lock, and with it the end of the session, must
 * not wait forever. It may end just after the change: [isDone] is then true.
 */
private suspend fun SessionState<*>.change(topic: String, isDone: () -> Boolean, change: suspend () -> Unit) {
    if (withTimeoutOrNull(changeTimeout) { withLock { change() } } != null || isDone()) return
    throw LiveException(ErrorCode.Timeout, "the subscription to '$topic' did not change within $changeTimeout")
}
