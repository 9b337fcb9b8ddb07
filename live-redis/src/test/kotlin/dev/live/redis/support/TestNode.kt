package dev.live.redis.support

import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.redis.RedisBroker
import dev.live.redis.RedisBrokerConfig
import dev.live.redis.RedisBrokerException
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.WhileBrokerAway
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.matchers.nulls.shouldNotBeNull
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Only a hang reaches it. */
val HANG_TIMEOUT: Duration = 1.minutes

val BOUNDS: HistoryBounds = HistoryBounds(size = 10_000, age = 1.hours, bytes = 10_000_000)

private val namespaces = AtomicInteger()

/** A namespace that no other test uses. */
fun newNamespace(): String = "test-${namespaces.incrementAndGet()}"

/** A broker, and what it has delivered. */
class TestNode(url: String, namespace: String, configure: RedisBrokerConfig.() -> Unit = {}) : BrokerSink {
    val broker: RedisBroker =
        RedisBroker(url) {
            this.namespace = namespace
            probeInterval = 200.milliseconds
            probeTimeout = 1_000.milliseconds
            maxReconnectDelay = 200.milliseconds
            timeout = 30_000.milliseconds
            configure()
        }
    private val deliveries = Channel<Pair<Publication, Position?>>(100_000)
    private val interruptions = Channel<String>(100_000)

    override suspend fun deliver(publication: Publication, position: Position?) {
        deliveries.send(publication to position)
    }

    override suspend fun interrupted(topic: String?) {
        interruptions.send(topic ?: ALL)
    }

    suspend fun next(): Pair<Publication, Position?> = withTimeout(HANG_TIMEOUT) { deliveries.receive() }

    suspend fun nextText(): String = next().first.text()

    /** The text of the next delivery if there is one; null if not. */
    fun tryNextText(): String? = deliveries.tryReceive().getOrNull()?.first?.text()

    /** The topic that may have lost publications, or [ALL]. */
    suspend fun nextInterruption(): String = withTimeout(HANG_TIMEOUT) { interruptions.receive() }

    suspend fun publish(
        topic: String,
        text: String,
        history: HistoryBounds? = BOUNDS,
        whileBrokerAway: WhileBrokerAway = WhileBrokerAway.Fail,
    ): Position? {
        val body = Body.bytes(text.encodeToByteArray())
        return broker.publish(Publication(topic, body, history = history, whileBrokerAway = whileBrokerAway))
    }

    suspend fun history(topic: String, since: Position?): StoredHistory = broker.history(topic, since, BOUNDS)

    companion object {
        const val ALL: String = "all topics"
    }
}

fun Publication.text(): String = (body as Body.Bytes).toByteArray().decodeToString()

fun StoredHistory.texts(): List<String> = entries.map { it.publication.text() }

/** Runs [nodes] during [test]. */
suspend fun withNodes(vararg nodes: TestNode, test: suspend CoroutineScope.() -> Unit): Unit =
    coroutineScope {
        val running = nodes.map { launch(start = CoroutineStart.UNDISPATCHED) { it.broker.run(it) } }
        test()
        running.forEach { it.cancelAndJoin() }
    }

/** Publishes until the reason of the failure contains [expected], and returns it. */
suspend fun awaitReason(url: String, expected: String, configure: RedisBrokerConfig.() -> Unit = {}): String {
    val node =
        TestNode(url, newNamespace()) {
            timeout = 200.milliseconds
            probeTimeout = 500.milliseconds
            configure()
        }
    var reason = ""
    withNodes(node) {
        val isFound =
            withTimeoutOrNull(HANG_TIMEOUT) {
                while (expected !in reason) {
                    reason = shouldThrow<RedisBrokerException> { node.publish("t", "x") }.reason
                }
            }
        withClue(reason) { isFound.shouldNotBeNull() }
    }
    return reason
}
