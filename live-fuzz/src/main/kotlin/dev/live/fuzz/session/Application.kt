package dev.live.fuzz.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.server.LiveConfig
import dev.live.server.LiveSettings
import dev.live.server.endpoint.LiveEndpoint
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonPrimitive
import kotlin.time.Clock
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

internal data class User(val name: String)

@Serializable
internal class Chat(val text: String = "")

@Serializable
internal class Price(val symbol: String, val cents: Long)

/** Limits that a script of a few lines can reach. */
internal fun settings(options: Options, dispatcher: CoroutineDispatcher): LiveSettings =
    LiveConfig().apply {
        session {
            queueCapacity = if (options.hasSmallQueue) 4 else 64
            queueBytes = if (options.hasSmallQueue) 1_024 else 64 * 1024
            handlerTimeout = 1.seconds
            maxTopics = 4
            handlerDispatcher = if (options.hasHandlerDispatcher) dispatcher else Dispatchers.Unconfined
        }
        topics { linger = 5.seconds }
        limits {
            maxMessageSize = 4 * 1024
            maxNesting = 16
            messagesPerSecond = 20
            burst = 40
            messagesPerSecondPerUser = 30
            burstPerUser = 60
            subscribesPerSecond = 5
            subscribeBurst = 10
            maxBadMessages = 5
            maxSessionsPerUser = 2
        }
    }.build()

/** An application that uses every feature of an endpoint and has no errors of its own. */
internal fun application(options: Options): LiveEndpoint<User> =
    LiveEndpoint<User>("/live").apply {
        authenticateByMessage { token -> if (token.length in 1..8) User(token) else null }
        user { it.name }
        expires { if (it.name == "short") Clock.System.now() + 10.seconds else null }
        if (options.hasInterceptor) intercept { message, next -> next(message) }
        topics()
        requests()
    }

private fun LiveEndpoint<User>.topics() {
    topic<Chat>("room/{room}") {
        onPublish { chat ->
            if (chat.text == "no") reject("text rejected", ErrorCode.Forbidden)
            broadcast(chat)
        }
        onSubscribe {
            launch {
                delay(1.seconds)
                push("hello", Chat(topic))
            }
        }
        on<Chat>("typing") { chat -> push("typed", chat) }
        on<Chat, Int>("length") { chat -> chat.text.length }
        on<Chat>("go") { chat -> launch { leave(chat.text) } }
        on<Chat>("gone") { chat -> leave(chat.text) }
    }
    topic<Chat>("log/{log}") {
        history(size = 5)
        idempotent(window = 1.minutes)
    }
    topic<Chat>("secret/{secret}") {
        authorize { meta.name == "ann" || params != null }
        history(size = 3, age = 10.seconds, bytes = 200)
        deliverToPublisher = false
    }
    topic<Chat>("present/{place}") {
        presence {
            info(Chat(meta.name))
            meta.name
        }
        welcome { JsonPrimitive("hello") }
    }
    topic<Price>("price/{price}") {
        conflate(limit = 4) { it.symbol }
        throttle(100.milliseconds)
    }
    topic<Chat>("old/{old}") { dropOldest(limit = 3) }
    rawTopic("raw/{rest...}") {
        publishWithoutSubscribing = true
        maxPayload = 256
        onSubscribe { session.trySend(Message("hello", topic)) }
        onUnsubscribe { session.trySend(Message("bye", topic)) }
    }
}

private fun LiveEndpoint<User>.requests() {
    request<Chat, Chat>("echo") { it }
    request<Chat, Int>("length", idempotent = 1.minutes) { it.text.length }
    request<Chat, Unit>("slow") { delay(100.milliseconds) }
    request<Chat, Unit>("stuck", idempotent = 1.minutes) { delay(10.seconds) }
    request<Chat, Unit>("kick") { session.kick(it.text) }
    request<Chat, Boolean>("join") { chat -> withTopicName { session.subscribe(chat.text) } }
    request<Chat, Boolean>("leave") { chat -> withTopicName { session.unsubscribe(chat.text) } }
    request<Unit, Unit>("leaveAll") { session.unsubscribeAll() }
    request<Chat, Unit>("ask") { chat ->
        session.launch {
            try {
                session.request<Chat, Chat>("question", chat, timeout = 2.seconds)
            } catch (_: LiveException) {
                // the client sent no reply, or rejected the request
            }
        }
    }
}

/** Rejects invalid topic names, because the client sends them and any text is possible. */
private inline fun <T> withTopicName(block: () -> T): T =
    try {
        block()
    } catch (e: IllegalArgumentException) {
        throw LiveException(ErrorCode.BadPayload, "invalid topic name", cause = e)
    }
