package dev.live.sync.server

import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.session.Session
import dev.live.sync.SyncWire

/**
 * Lets clients of this endpoint subscribe to the scopes of [notifier], as far as [authorizeScope] allows: without this
 * call none may be joined.
 *
 * A client that joins is told the scope's present cursor in the `ack`, and every newer one in messages of type
 * `sync`. It may publish nothing there.
 *
 * @param authorizeScope asked when a client joins, also after each of its reconnects; false: it gets `forbidden`. Who
 *   loses a scope later is taken out by `session.leave`
 */
public fun <Meta : Any> LiveEndpoint<Meta>.syncScopes(
    notifier: LiveSyncNotifier,
    authorizeScope: suspend (session: Session<Meta>, scope: String) -> Boolean,
): Unit = declareScopes(notifier, authorizeScope)

/** @param onWelcome called between the welcome and the join, by tests of what comes between them */
internal fun <Meta : Any> LiveEndpoint<Meta>.declareScopes(
    notifier: LiveSyncNotifier,
    authorizeScope: suspend (session: Session<Meta>, scope: String) -> Boolean,
    onWelcome: suspend () -> Unit = {},
) {
    rawTopic(SyncWire.PATTERN) {
        authorize { authorizeScope(session, parameters[SCOPE]) }
        conflate()
        welcome {
            val cursor = notifier.present(parameters[SCOPE])
            onWelcome()
            cursor?.let(SyncWire::jsonOf)
        }
        onSubscribe {
            // it may have advanced between the welcome and the join
            val told = SyncWire.cursorIn(welcome)
            val now = notifier.known(parameters[SCOPE])
            if (now != null && (told == null || now > told)) {
                session.send(Message(SyncWire.TYPE, topic, body = SyncWire.bodyOf(now)))
            }
        }
        onPublish { reject("what a scope's cursor is, the server says", ErrorCode.Forbidden) }
    }
}

private const val SCOPE = "scope"
