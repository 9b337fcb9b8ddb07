package dev.live.server.endpoint

import dev.live.server.topic.TopicPattern
import dev.live.server.topic.TopicPolicy
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * The validated, immutable declarations of the topics that match one pattern. Built by [TopicDeclaration], which
 * documents them. A function is null if the topic does not declare it.
 *
 * @property policy history, presence and delivery, which all endpoints with the same pattern share
 * @param idempotencyWindow how long the results of publishes with a key are stored; null if the topic is not idempotent
 * @property member the `presence` block, which returns the member key of a session
 * @property events the `on` handlers, by message type
 */
internal class TopicSpec<Meta : Any, T>(
    val pattern: TopicPattern,
    val payload: PayloadType<T>,
    val policy: TopicPolicy,
    val maxPayload: Int,
    val publishWithoutSubscribing: Boolean,
    val deliverToPublisher: Boolean,
    idempotencyWindow: Duration?,
    val authorize: (suspend TopicScope<Meta>.() -> Boolean)?,
    val member: (suspend PresenceScope<Meta>.() -> String)?,
    val welcome: (suspend TopicScope<Meta>.() -> JsonElement?)?,
    val onPublish: (suspend PublishScope<Meta, T>.(T) -> Unit)?,
    val onSubscribe: (suspend SubscriptionScope<Meta>.() -> Unit)?,
    val onUnsubscribe: (suspend SubscriptionScope<Meta>.() -> Unit)?,
    val events: Map<String, EventHandler<Meta, *, *>>,
) {
    /** Stored results of publishes with a key; null if the topic is not idempotent. */
    val idempotentReplies: IdempotentReplies? =
        idempotencyWindow?.let { IdempotentReplies(it, KeyLimits(keysPerUser = 1_000, keys = 50_000)) }
}
