package dev.live.client

import dev.live.client.testing.FakeWire
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.toMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.maps.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.bind
import io.kotest.property.arbitrary.enum
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Random sequences of collectors and connection losses. At the end, the server's subscriptions match the collectors.
 */
class RandomScriptTest : FunSpec({

    test("the subscriptions match the collectors after any sequence of steps") {
        checkAll(300, scripts) { script ->
            clientTest {
                val collectors = play(script)
                pass(3.seconds)

                shouldMatch(collectors)
                collectors.values.flatten().forEach { it.job.cancel() }
                settle()
                transport.subscribedTopics shouldBe emptySet()
            }
        }
    }

    test("the subscriptions match the collectors if the server is slow, postpones messages, and topics linger") {
        checkAll(300, scripts, Arb.int()) { script, seed ->
            clientTest({ linger = 1.seconds }) {
                val random = Random(seed)
                transport.toServer.latency = 300.milliseconds
                transport.onMessage = { message -> random.nextInt(3) == 0 && postpone(message) }
                val collectors = play(script)
                pass(2.seconds)
                transport.onMessage = { false }
                pass(5.seconds)

                shouldMatch(collectors)
                collectors.values.flatten().forEach { it.job.cancel() }
                pass(5.seconds)
                transport.subscribedTopics shouldBe emptySet()
            }
        }
    }
})

/** Rejects [message] with `rate_limited`, and requests a retry after 200 ms. */
private fun FakeWire.postpone(message: Message): Boolean {
    push(LiveException(ErrorCode.RateLimited, "too many", 200.milliseconds).toMessage(message.topic, message.ref))
    return true
}

private enum class Action { Collect, Cancel, Cut, Settle, Wait }

private data class Step(val action: Action, val topic: String)

private val topics = listOf("a", "b", "c")

private val scripts = Arb.list(
    Arb.bind(Arb.enum<Action>(), Arb.int(topics.indices)) { action, n ->
        Step(action, topics[n])
    },
    0..40,
)

/** Executes the steps of [script]. Returns the collectors of each topic that are not cancelled. */
private fun ClientFixture.play(script: List<Step>): Map<String, List<Collector>> {
    val collectors = HashMap<String, MutableList<Collector>>()
    for (step in script) {
        when (step.action) {
            Action.Collect -> collectors.getOrPut(step.topic) { mutableListOf() } += collector(step.topic)
            Action.Cancel -> collectors[step.topic]?.removeLastOrNull()?.job?.cancel()
            Action.Cut -> transport.connections.lastOrNull()?.cut()
            Action.Settle -> settle()
            Action.Wait -> pass(700.milliseconds)
        }
    }
    return collectors
}

/** Asserts that the client is subscribed to the topics with [collectors], and that these receive messages. */
private fun ClientFixture.shouldMatch(collectors: Map<String, List<Collector>>) {
    val collected = collectors.filterValues { it.isNotEmpty() }
    transport.subscribedTopics shouldBe collected.keys
    transport.mostOpenAtOnce shouldBeLessThanOrEqual 1
    topics.forEach { serverPublishes(it, Chat("ann", "end")) }
    settle()
    collected.filterValues { all -> all.any { it.last != "end" } }.shouldBeEmpty()
}

private class Collector {
    lateinit var job: Job
    var last: String? = null
}

private fun ClientFixture.collector(topic: String): Collector {
    val collector = Collector()
    collector.job = scope.launch { client.topic<Chat>(topic).messages.collect { collector.last = it.text } }
    return collector
}
