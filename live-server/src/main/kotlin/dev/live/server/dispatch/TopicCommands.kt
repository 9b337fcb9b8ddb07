package dev.live.server.dispatch

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.WelcomeData
import dev.live.protocol.of
import dev.live.server.dialect.ClientCommand
import dev.live.server.endpoint.TopicSpec
import dev.live.server.session.EndpointTopics
import dev.live.server.session.HandlerCaller
import dev.live.server.session.Session
import dev.live.server.session.TopicSubscription
import dev.live.server.topic.TopicRegistry
import kotlinx.serialization.json.JsonElement
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Handles the messages of clients to the declared topics of one endpoint. */
internal class TopicCommands<Meta : Any>(
    specs: List<TopicSpec<Meta, *>>,
    val guard: HandlerGuard,
    topics: TopicRegistry,
) : EndpointTopics<Meta> {
    private val counters = topics.counters
    private val mostSpecificFirst =
        specs.sortedBy { it.pattern.specificity }.map { DeclaredHandlers(it, guard, topics) }
    private val hasUnsubscribeHook = specs.any { it.onUnsubscribe != null }

    /** The message types that a topic handles with `on`. */
    val eventTypes: Set<String> = specs.flatMapTo(HashSet()) { it.events.keys }

    override fun handlersOf(topic: String): DeclaredHandlers<Meta, *> =
        find(topic) ?: throw LiveException(ErrorCode.UnknownTopic, "no declared topic matches this name")

    private fun find(topic: String): DeclaredHandlers<Meta, *>? =
        mostSpecificFirst.firstOrNull { it.pattern.matches(topic) }

    suspend fun subscribe(session: Session<Meta>, command: ClientCommand.Subscribe) {
        val topic = command.topic
        val handlers = handlersOf(topic)
        val subscriptions = session.subscriptions
        // Repeated only if the server subscribes or unsubscribes the session meanwhile.
        while (true) {
            if (topic in subscriptions) {
                if (resubscribe(session, handlers, command)) return else continue
            }
            subscriptions.requireCapacity()
            // Outside the lock: these call application code, which may itself subscribe the session.
            handlers.authorize(session, topic, command.params)
            val member = handlers.member(session, topic, command.params, HandlerCaller.Reader)
            val welcome = handlers.welcome(session, topic, command.params)
            val ack = ack(topic, command.ref, welcome)
            val subscription =
                session.state.withLock {
                    if (topic in subscriptions) continue
                    subscriptions.requireCapacity()
                    subscriptions.subscribe(topic, handlers, ack, command.params, command.since, member)
                }
            counters.sent(messages = 1, bytes = ack.body?.size ?: 0) // the ack, which was delivered through the topic
            return handlers.subscribed(subscription, welcome, HandlerCaller.Reader)
        }
    }

    /** Returns false if the session is not subscribed, and must be authorized first. */
    private suspend fun resubscribe(
        session: Session<Meta>,
        handlers: DeclaredHandlers<Meta, *>,
        command: ClientCommand.Subscribe,
    ): Boolean {
        val subscriptions = session.subscriptions
        val ack = ack(command.topic, command.ref, handlers.welcome(session, command.topic, command.params))
        val isAcked =
            session.state.withLock {
                if (command.topic !in subscriptions) return false
                // Under the lock, so that the server cannot unsubscribe the session before the ack.
                subscriptions.resubscribe(command.topic, ack, command.since) || session.trySend(ack)
            }
        if (!isAcked) session.send(ack)
        return true
    }

    suspend fun unsubscribe(session: Session<Meta>, command: ClientCommand.Unsubscribe) {
        val ack = ack(command.topic, command.ref)
        var isAcked = true
        val subscription =
            session.state.withLock {
                session.subscriptions.unsubscribe(command.topic, ack)
                    .also { if (it == null) isAcked = session.trySend(ack) }
            }
        if (!isAcked) session.send(ack)
        if (subscription == null) return
        counters.sent(messages = 1, bytes = 0) // the ack, which was delivered through the topic
        subscription.cancelScope()
        subscription.handlers.unsubscribed(subscription, HandlerCaller.Reader)
    }

    suspend fun publish(session: Session<Meta>, message: Message) {
        val subscription = session.subscriptions[message.topic]
        val handlers = subscription?.handlers ?: handlersOf(message.topic)
        handlers.publish(session, subscription, message)
        if (message.ref.isNotEmpty()) session.send(Message(MessageType.ACK, message.topic, message.ref))
    }

    /** Handles [message], with one of the [eventTypes], if its topic has a handler for it; else returns false. */
    suspend fun handle(session: Session<Meta>, message: Message): Boolean {
        val subscription = session.subscriptions[message.topic]
        if (subscription != null) return subscription.handlers.handle(subscription, message)
        if (find(message.topic)?.handles(message.type) != true) return false
        throw LiveException(ErrorCode.NotSubscribed, "subscribe to the topic before sending messages to it")
    }

    /**
     * The subscriptions of [session] to topics that declare `onUnsubscribe`. Called before the end of the session
     * removes them. Does no work if no topic declares the hook.
     */
    fun subscriptionsWithHook(session: Session<Meta>): List<TopicSubscription<Meta>> =
        if (hasUnsubscribeHook) {
            session.subscriptions.all.filter { it.handlers.hasUnsubscribeHook }
        } else {
            emptyList()
        }

    /** Calls `onUnsubscribe` of [subscriptions] after their session has ended. All calls share one handler timeout. */
    suspend fun sessionEnded(subscriptions: List<TopicSubscription<Meta>>) {
        if (subscriptions.isEmpty()) return
        val failure = guard.run("onUnsubscribe", session = subscriptions[0].session) {
            for (each in subscriptions) each.handlers.unsubscribed(each, HandlerCaller.SessionEnd)
        }
        if (failure == null || failure is HandlersUnavailableException) return
        log.warn("onUnsubscribe failed at the end of a session: {}.", failure.reason)
    }

    private fun ack(topic: String, ref: String, welcome: JsonElement? = null) =
        Message(MessageType.ACK, topic, ref, welcome?.let { Body.of(WelcomeData(it)) })

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
    }
}
