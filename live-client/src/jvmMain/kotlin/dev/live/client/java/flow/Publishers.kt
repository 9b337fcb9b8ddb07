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
 * What is published to [topic], for whatever takes a [Flow.Publisher]: Reactor, RxJava, Mutiny, an HTTP body.
 *
 * Each subscriber is a listener of its own: `subscribe` joins the topic, whatever is requested, and `cancel` ends it. It is
 * called one signal at a time, on the client's executor and never on the thread that reads the socket; it may block there.
 * No more comes than it requested. What it has not requested yet waits in the buffer of 64 messages that every listener has,
 * and never holds up the connection: with one more, a topic that keeps a history is caught up from that as soon as the
 * subscriber requests again, and on another the buffer is delivered and `onError` follows.
 *
 * `onError` has a [LiveException] where [JavaTopic.onMessage] would tell one, an [IllegalArgumentException] after a
 * `request` of 0 or less, what `onNext` has thrown, or the executor's rejection. `onComplete` comes when the client is closed.
 *
 * The publishers are apart from the rest of the facade because Android has [Flow] only from API 30 on.
 */
public fun <T : Any> messages(topic: JavaTopic<T>): Flow.Publisher<T> =
    FlowPublisher(topic.messages, topic.callbacks, isNewestOnly = false)

/**
 * As [messages], and each time that the topic was joined a [TopicUpdate.Subscribed] in its place among them, which says
 * whether what was published before was recovered from the topic's history.
 */
public fun <T : Any> updates(topic: JavaTopic<T>): Flow.Publisher<TopicUpdate<@JvmSuppressWildcards T>> =
    FlowPublisher(topic.updates, topic.callbacks, isNewestOnly = false)

/**
 * How [client] stands with its server, now and with every change. A subscriber that has requested nothing meanwhile gets the
 * newest. `onComplete` follows a status that is `CLOSED`, and comes without it where the application itself closes the
 * client; there is no `onError` but after a wrong `request`, or when `onNext` has thrown.
 */
public fun status(client: JavaLiveClient): Flow.Publisher<ConnectionStatus> {
    val toTheLast =
        client.statuses.transformWhile {
            emit(it)
            it.phase != ConnectionStatus.Phase.CLOSED
        }
    return FlowPublisher(toTheLast, client.callbacks, isNewestOnly = true)
}
