package dev.live.client

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
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Random sequences of collectors and connection losses. At the end, the server's subscriptions match the collectors.
 */
class RandomScriptTest : FunSpec({

    test("the subscriptions match the collectors after any sequence of steps") {
        checkAll(300, scripts) { script ->
            clientTest {
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
                pass(3.seconds)

                val collected = collectors.filterValues { it.isNotEmpty() }
                transport.joined shouldBe collected.keys
                transport.mostOpenAtOnce shouldBeLessThanOrEqual 1
                topics.forEach { serverPublishes(it, Chat("ann", "end")) }
                settle()
                collected.filterValues { all -> all.any { it.last != "end" } }.shouldBeEmpty()
                collectors.values.flatten().forEach { it.job.cancel() }
                settle()
                transport.joined shouldBe emptySet()
            }
        }
    }
})

private enum class Action { Collect, Cancel, Cut, Settle, Wait }

private data class Step(val action: Action, val topic: String)

private val topics = listOf("a", "b", "c")

private val scripts = Arb.list(
    Arb.bind(Arb.enum<Action>(), Arb.int(topics.indices)) { action, n ->
        Step(action, topics[n])
    },
    0..40,
)

private class Collector {
    lateinit var job: Job
    var last: String? = null
}

private fun ClientFixture.collector(topic: String): Collector {
    val collector = Collector()
    collector.job = scope.launch { client.topic<Chat>(topic).messages.collect { collector.last = it.text } }
    return collector
}
