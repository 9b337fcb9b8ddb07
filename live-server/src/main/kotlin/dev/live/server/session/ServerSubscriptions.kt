package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.topic.Member
import kotlinx.coroutines.withTimeoutOrNull

/** The topics that the session's endpoint declares, for subscriptions that the server starts. */
internal interface EndpointTopics {
    /**
     * Returns the endpoint's data for a new subscription to [topic], which the subscription stores.
     *
     * @param subscribed number of topics that the session is subscribed to
     * @throws dev.live.protocol.LiveException if no declaration matches [topic], or the session is at its topic limit
     */
    fun attachmentFor(topic: String, subscribed: Int): Any

    /**
     * Returns the presence member of [session] on the topic of [attachment]; null if the topic declares no presence.
     * Calls application code.
     */
    suspend fun member(session: Session<*>, attachment: Any): Member?

    /** Notifies the application that [session] subscribed. */
    suspend fun subscribed(session: Session<*>, attachment: Any)

    /** Notifies the application that [session] unsubscribed. */
    suspend fun unsubscribed(session: Session<*>, attachment: Any)
}

/** Subscribes the client to [topic]; returns false if it is already subscribed or the session has ended. */
internal suspend fun SessionState.subscribeFromServer(topic: String): Boolean {
    if (endReason != null || subscriptions[topic] != null) return false
    val attachment = attachmentFor(topic)
    val member = endpointTopics.member(session, attachment) // before taking the lock: no application code runs under it
    val hasSubscribed =
        change(topic) {
            // the end of the session takes the lock after this, and removes the new subscription
            if (endReason != null || subscriptions[topic] != null) return@change false
            attachmentFor(topic) // checks the topic limit again: it may have been reached in the meantime
            subscriptions.subscribe(topic, attachment, Message(MessageType.SUBSCRIBE, topic), member = member)
            true
        }
    if (hasSubscribed) endpointTopics.subscribed(session, attachment)
    return hasSubscribed
}

/** Unsubscribes the client from [topic]; returns false if it was not subscribed. */
internal suspend fun SessionState.unsubscribeFromServer(topic: String): Boolean {
    val attachment = subscriptions[topic]?.attachment ?: return false
    val hasUnsubscribed = change(topic) { subscriptions.unsubscribe(topic, Message(MessageType.UNSUBSCRIBE, topic)) }
    if (hasUnsubscribed) endpointTopics.unsubscribed(session, attachment)
    return hasUnsubscribed
}

/**
 * The timeout covers a topic that ends in the middle of the change: the lock, and with it the end of the session, must
 * not wait forever.
 */
private suspend fun SessionState.change(topic: String, change: suspend () -> Boolean): Boolean =
    withTimeoutOrNull(changeTimeout) { withLock { change() } }
        ?: throw LiveException(ErrorCode.Timeout, "the subscription to '$topic' did not change within $changeTimeout")
