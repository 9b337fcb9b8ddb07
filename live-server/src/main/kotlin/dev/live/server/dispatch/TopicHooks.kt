package dev.live.server.dispatch

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.endpoint.TopicMatch
import dev.live.server.endpoint.TopicScope
import dev.live.server.endpoint.TopicSpec
import dev.live.server.session.Session
import kotlinx.serialization.json.JsonElement
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Calls the `onSubscribe` and `onUnsubscribe` hooks, in the session's coroutine and not in the topic's. */
internal class TopicHooks<Meta : Any>(
    specs: List<TopicSpec<Meta, *>>,
    private val guard: HandlerGuard,
) {
    private val hasUnsubscribeHook = specs.any { it.onUnsubscribe != null }

    suspend fun subscribed(session: Session<Meta>, match: TopicMatch<Meta, *>, welcome: JsonElement?) {
        val hook = match.spec.onSubscribe ?: return
        callHook("onSubscribe") { guard.callHandler(session) { match.scope(session, welcome).hook() } }
    }

    suspend fun unsubscribed(session: Session<Meta>, match: TopicMatch<Meta, *>) {
        val hook = match.spec.onUnsubscribe ?: return
        callHook("onUnsubscribe") { guard.callHandler(session) { match.scope(session).hook() } }
    }

    /** [subscribed] in the coroutine of the application code that subscribed [session], not in the session's reader. */
    suspend fun subscribedByServer(session: Session<Meta>, match: TopicMatch<Meta, *>) {
        val hook = match.spec.onSubscribe ?: return
        logFailure("onSubscribe", guard.run("onSubscribe") { match.scope(session).hook() })
    }

    /** [unsubscribed] in the coroutine of the application code that unsubscribed [session]. */
    suspend fun unsubscribedByServer(session: Session<Meta>, match: TopicMatch<Meta, *>) {
        val hook = match.spec.onUnsubscribe ?: return
        logFailure("onUnsubscribe", guard.run("onUnsubscribe") { match.scope(session).hook() })
    }

    /**
     * The subscribed topics of [session] that declare `onUnsubscribe`. Called before the end of the session removes its
     * subscriptions. Does no work if no topic declares the hook.
     */
    fun topicsWithUnsubscribeHook(session: Session<Meta>): List<TopicMatch<Meta, *>> {
        if (!hasUnsubscribeHook) return emptyList()
        val subscriptions = session.state.subscriptions
        return subscriptions.names
            .mapNotNull { subscriptions[it] }
            .map { matchOf<Meta>(it.attachment) }
            .filter { it.spec.onUnsubscribe != null }
    }

    /** Calls `onUnsubscribe` of [matches] after [session] has ended. All calls together share one handler timeout. */
    suspend fun sessionEnded(session: Session<Meta>, matches: List<TopicMatch<Meta, *>>) {
        if (matches.isEmpty()) return
        val failure = guard.run("onUnsubscribe") {
            for (match in matches) {
                val hook = match.spec.onUnsubscribe ?: continue
                callHook("onUnsubscribe") { match.scope(session).hook() }
            }
        }
        if (failure != null) log.warn("onUnsubscribe failed at the end of a session: {}.", failure.reason)
    }

    private suspend inline fun callHook(name: String, block: () -> Unit) = logFailure(name, guard.isolate(name, block))

    private fun logFailure(name: String, failure: LiveException?) {
        // No message waits for a reply. Failures with the code `internal` have already been logged with their log id.
        if (failure != null && failure.code != ErrorCode.Internal) log.warn("{} failed: {}.", name, failure.reason)
    }

    private fun TopicMatch<Meta, *>.scope(session: Session<Meta>, welcome: JsonElement? = null) =
        TopicScope(session, topic, parameters, welcome = welcome)

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
    }
}

/** The match that the endpoint attached to a subscription. */
@Suppress("UNCHECKED_CAST") // attached by subscribe
internal fun <Meta : Any> matchOf(attachment: Any): TopicMatch<Meta, *> = attachment as TopicMatch<Meta, *>
