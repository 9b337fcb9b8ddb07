package dev.live.sync.server

import dev.live.protocol.ErrorCode
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.session.Session
import dev.live.sync.SyncWire

/**
 * Lets clients of this endpoint subscribe to the scopes of [notifier] that [authorizeScope] allows.
 *
 * A subscriber receives the scope's current cursor in the `ack`, and newer ones in messages of type `sync`. Clients
 * cannot publish to these topics. Without this call no scope can be subscribed to.
 *
 * @param authorizeScope called on each subscribe, also after a reconnect. If false, the server rejects the subscribe
 *   with `forbidden`. To revoke access later, call `session.unsubscribe`
 */
public fun <Meta : Any> LiveEndpoint<Meta>.syncScopes(
    notifier: LiveSyncNotifier,
    authorizeScope: suspend (session: Session<Meta>, scope: String) -> Boolean,
): Unit = declareScopes(notifier, authorizeScope)

/** @param onWelcome called between the welcome and the subscribe, for tests of that race */
internal fun <Meta : Any> LiveEndpoint<Meta>.declareScopes(
    notifier: LiveSyncNotifier,
    authorizeScope: suspend (session: Session<Meta>, scope: String) -> Boolean,
    onWelcome: suspend () -> Unit = {},
) {
    rawTopic(SyncWire.PATTERN) {
        authorize { authorizeScope(session, parameters[SCOPE]) }
        conflate()
        welcome {
            val cursor = notifier.newest(parameters[SCOPE])
            onWelcome()
            cursor?.let(SyncWire::jsonOf)
        }
        onSubscribe {
            // the scope may have advanced between the welcome and the subscribe
            val welcomed = SyncWire.cursorIn(welcome)
            val now = notifier.known(parameters[SCOPE])
            if (now != null && (welcomed == null || now > welcomed)) {
                push(SyncWire.TYPE, SyncWire.bodyOf(now))
            }
        }
        onPublish { reject("clients cannot publish to sync topics", ErrorCode.Forbidden) }
    }
}

private const val SCOPE = "scope"
