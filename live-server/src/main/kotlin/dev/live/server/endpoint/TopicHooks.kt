package dev.live.server.endpoint

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.session.Session
import kotlinx.serialization.json.JsonElement
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Tells the application who has joined and left its topics, in the turn of the session and not of the topic. */
internal class TopicHooks<Meta : Any>(
    declarations: List<TopicDeclaration<Meta, *>>,
    private val guard: HandlerGuard,
) {
    private val tellsOfLeaving = declarations.any { it.onUnsubscribe != null }

    suspend fun joined(session: Session<Meta>, place: TopicPlace<Meta, *>, welcome: JsonElement?) {
        val hook = place.declaration.onSubscribe ?: return
        tell("onSubscribe") { guard.handler(session) { place.scope(session, welcome).hook() } }
    }

    suspend fun left(session: Session<Meta>, place: TopicPlace<Meta, *>) {
        val hook = place.declaration.onUnsubscribe ?: return
        tell("onUnsubscribe") { guard.handler(session) { place.scope(session).hook() } }
    }

    /** As [joined], in the place of whoever had [session] join: its handlers' lane is its reader's. */
    suspend fun joinedByServer(session: Session<Meta>, place: TopicPlace<Meta, *>) {
        val hook = place.declaration.onSubscribe ?: return
        warn("onSubscribe", guard.run("onSubscribe") { place.scope(session).hook() })
    }

    /** As [left], in the place of whoever had [session] leave. */
    suspend fun leftByServer(session: Session<Meta>, place: TopicPlace<Meta, *>) {
        val hook = place.declaration.onUnsubscribe ?: return
        warn("onUnsubscribe", guard.run("onUnsubscribe") { place.scope(session).hook() })
    }

    /** Asked before the session's end takes it out of its topics, and for nothing where nobody wants to know. */
    fun placesToLeave(session: Session<Meta>): List<TopicPlace<Meta, *>> {
        if (!tellsOfLeaving) return emptyList()
        val memberships = session.state.memberships
        return memberships.names
            .mapNotNull { memberships[it] }
            .map { placeOf<Meta>(it.attachment) }
            .filter { it.declaration.onUnsubscribe != null }
    }

    /** Its handlers' lane has ended with the session: these share one of their own. */
    suspend fun left(session: Session<Meta>, places: List<TopicPlace<Meta, *>>) {
        if (places.isEmpty()) return
        val failure = guard.run("onUnsubscribe") {
            for (place in places) {
                val hook = place.declaration.onUnsubscribe ?: continue
                tell("onUnsubscribe") { place.scope(session).hook() }
            }
        }
        if (failure != null) log.warn("onUnsubscribe of a session's last topics: {}.", failure.reason)
    }

    private suspend inline fun tell(what: String, block: () -> Unit) = warn(what, guard.answer(what, block))

    private fun warn(what: String, failure: LiveException?) {
        // there is no message left to answer; a failure with a log id is in the log already
        if (failure != null && failure.code != ErrorCode.Internal) log.warn("{}: {}.", what, failure.reason)
    }

    private fun TopicPlace<Meta, *>.scope(session: Session<Meta>, welcome: JsonElement? = null) =
        TopicScope(session, topic, parameters, welcome = welcome)

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
    }
}

/** The place that a membership of an endpoint's was given. */
@Suppress("UNCHECKED_CAST") // what subscribe attached
internal fun <Meta : Any> placeOf(attachment: Any): TopicPlace<Meta, *> = attachment as TopicPlace<Meta, *>
