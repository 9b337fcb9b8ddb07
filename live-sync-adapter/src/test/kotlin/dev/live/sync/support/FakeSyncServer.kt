@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.support

import dev.live.client.LiveClient
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.WelcomeData
import dev.live.protocol.of
import dev.live.sync.SyncWire
import dev.live.test.FakeTransport
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.testTimeSource
import kotlin.time.Duration.Companion.seconds

/** A network whose server tells one scope's cursor: in the ack where it [knows] it, and when the test says so. */
internal class FakeSyncServer(private val test: TestScope, scope: String = "s", seed: Int = 0) {
    private val topic = SyncWire.topicOf(scope)
    var cursor = 0uL
    var knows = true
    val network =
        FakeTransport(seed = seed).apply {
            onMessage = { message ->
                if (message.type != MessageType.SUBSCRIBE || message.topic != topic) {
                    false
                } else {
                    answer(Message(MessageType.SUBSCRIBE, SILENT)) // so that the wire is one that was joined
                    val welcome = if (knows) Body.of(WelcomeData(SyncWire.jsonOf(cursor))) else null
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

    /** Whether a client can hear. */
    val isJoined: Boolean get() = SILENT in network.joined

    /** Tells [told], if there is anybody to tell. */
    fun tell(told: ULong) {
        if (isJoined) network.wire.push(Message(SyncWire.TYPE, topic, body = SyncWire.bodyOf(told)))
    }

    private companion object {
        const val SILENT = "joined"
    }
}
