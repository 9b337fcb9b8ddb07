package dev.live.client

import app.cash.turbine.ReceiveTurbine
import app.cash.turbine.testIn
import app.cash.turbine.turbineScope
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlinx.serialization.Serializable
import kotlin.coroutines.ContinuationInterceptor
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

@Serializable
internal data class Chat(val from: String, val text: String)

/** A client on a [FakeTransport] in virtual time; the client is closed after [block]. */
@OptIn(ExperimentalCoroutinesApi::class)
internal fun clientTest(
    configure: LiveClientConfig.() -> Unit = {},
    transport: FakeTransport = FakeTransport(),
    block: suspend ClientFixture.() -> Unit,
) {
    runTest {
        val client =
            LiveClient("ws://test/live") {
                this.transport = transport
                context = coroutineContext[ContinuationInterceptor]!!
                timeSource = testTimeSource
                reconnect = ReconnectPolicy { 1.seconds }
                linger = Duration.ZERO
                configure()
            }
        try {
            turbineScope { ClientFixture(this@runTest, this, client, transport).block() }
        } finally {
            client.close()
        }
    }
}

@OptIn(ExperimentalCoroutinesApi::class)
internal class ClientFixture(
    val scope: TestScope,
    val turbines: CoroutineScope,
    val client: LiveClient,
    val transport: FakeTransport,
) {
    /** Virtual time since the test began. */
    val now: Duration get() = scope.currentTime.milliseconds

    /** Runs all tasks that are due now, without advancing the time. */
    fun settle(): Unit = scope.testScheduler.runCurrent()

    /** Advances the time by [time] and runs all tasks that are due by then. */
    fun pass(time: Duration) {
        scope.testScheduler.advanceTimeBy(time)
        scope.testScheduler.runCurrent()
    }

    /** The server publishes to [topic]. */
    fun serverPublishes(topic: String, chat: Chat): Unit =
        transport.wire.push(Message(MessageType.MESSAGE, topic, body = Body.of(chat)))
}

internal val hello = Chat("ann", "hello")

internal fun ClientFixture.room(): ClientTopic<Chat> = client.topic<Chat>("room")

/** Runs [block] in the background. The result captures its exception. */
internal fun <T> ClientFixture.start(block: suspend () -> T): Deferred<T> =
    CoroutineScope(scope.coroutineContext[ContinuationInterceptor]!! + SupervisorJob()).async { block() }

/** Collects [flow] and waits until its subscription is acknowledged. */
internal fun <T> ClientFixture.collect(flow: Flow<T>): ReceiveTurbine<T> = flow.testIn(turbines).also { settle() }

internal fun ClientFixture.waiting() = client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()

internal fun ClientFixture.closed() = client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
