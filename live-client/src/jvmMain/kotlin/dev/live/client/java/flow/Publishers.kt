@file:JvmName("Publishers")

package dev.live.client.java.flow

import dev.live.client.java.ConnectionStatus
import dev.live.client.java.JavaLiveClient
import dev.live.client.java.JavaTopic
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.LiveException
import kotlinx.coroutines.flow.transformWhile
import java.util.concurrent.Flow

/**
 * The messages of [topic] as a [Flow.Publisher], for Reactor, RxJava, Mutiny or an HTTP body.
 *
 * Each subscriber is a separate listener: `subscribe` subscribes to the topic, regardless of demand, and `cancel`
 * ends the subscription. Signals are delivered one at a time, on the client's executor and never on the thread that
 * reads the socket; a subscriber may block. No more messages are delivered than requested. Other messages wait in the
 * listener's buffer of 64 messages and do not delay the connection. If the buffer overflows, a topic with history
 * recovers the missed messages when the subscriber requests again; without history, `onError` follows the buffered
 * messages.
 *
 * `onError` receives a [LiveException] in the same cases as [JavaTopic.onMessage], an [IllegalArgumentException] after
 * a `request` of 0 or less, an exception of `onNext`, or the executor's rejection. `onComplete` is called when the
 * client is closed.
 *
 * The publishers are separate from the rest of the facade, because Android has [Flow] only since API 30.
 */
public fun <T : Any> messages(topic: JavaTopic<T>): Flow.Publisher<T> =
    FlowPublisher(topic.messages, topic.callbacks, isNewestOnly = false)

/**
 * The messages of [topic] and the status of the subscription, as in [JavaTopic.onUpdate]. Otherwise the same as
 * [messages].
 */
public fun <T : Any> updates(topic: JavaTopic<T>): Flow.Publisher<TopicUpdate<@JvmSuppressWildcards T>> =
    FlowPublisher(topic.updates, topic.callbacks, isNewestOnly = false)

/**
 * The connection status of [client]: the current one, and every change. Without demand, only the newest status is
 * kept. `onComplete` follows the status `CLOSED`, or is called without it if the application closes the client.
 * `onError` is only called after an invalid `request`, or if `onNext` throws.
 */
public fun status(client: JavaLiveClient): Flow.Publisher<ConnectionStatus> {
    val untilClosed =
        client.statuses.transformWhile {
            emit(it)
            it.phase != ConnectionStatus.Phase.CLOSED
        }
    return FlowPublisher(untilClosed, client.callbacks, isNewestOnly = true)
}
