@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.support

import dev.live.client.LiveClient
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.WelcomeData
import dev.live.protocol.of
import dev.live.sync.SyncWire
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.testTimeSource
import kotlin.time.Duration.Companion.seconds

/** A fake server with one scope: sends its cursor in the ack if [sendsWelcome], and in messages through [signal]. */
internal class FakeSyncServer(private val test: TestScope, scope: String = "s", seed: Int = 0) {
    private val topic = SyncWire.topicOf(scope)
    var cursor = 0uL
    var sendsWelcome = true
    val network =
        FakeTransport(seed = seed).apply {
            onMessage = { message ->
                if (message.type != MessageType.SUBSCRIBE || message.topic != topic) {
                    false
                } else {
                    accept(Message(MessageType.SUBSCRIBE, MARKER)) // marks the connection as subscribed
                    val welcome = if (sendsWelcome) Body.of(WelcomeData(SyncWire.jsonOf(cursor))) else null
                    push(Message(MessageType.ACK, message.topic, message.ref, welcome))
                    true
                }
            }
        }

    fun client(): LiveClient =
        LiveClient("ws://test/live") {
            transport = network
            context = test.backgroundScope.coroutineContext
            timeSource = test.testTimeSource
            reconnect = ReconnectPolicy { 1.seconds }
        }

    /** Whether a client is subscribed on the current connection. */
    val isSubscribed: Boolean get() = MARKER in network.subscribedTopics

    /** Sends [cursor] to the client if it is subscribed. */
    fun signal(cursor: ULong) {
        if (isSubscribed) network.wire.push(Message(SyncWire.TYPE, topic, body = SyncWire.bodyOf(cursor)))
    }

    private companion object {
        const val MARKER = "subscribed"
    }
}
