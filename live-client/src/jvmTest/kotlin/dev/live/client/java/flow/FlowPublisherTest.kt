package dev.live.client.java.flow

import dev.live.client.java.Callbacks
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveAtLeastSize
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.testng.TestListenerAdapter
import org.testng.TestNG
import java.util.concurrent.CancellationException
import java.util.concurrent.Flow.Subscriber
import java.util.concurrent.Flow.Subscription

@OptIn(ExperimentalCoroutinesApi::class)
class FlowPublisherTest : FunSpec({

    test("the rules of Reactive Streams hold, as their own test kit has them") {
        val results = TestListenerAdapter()
        val kit = TestNG(false)
        kit.setTestClasses(arrayOf(FlowPublisherRules::class.java))
        kit.addListener(results)

        kit.run()

        results.failedTests.map { "${it.name}: ${it.throwable}" }.shouldBeEmpty()
        results.passedTests shouldHaveAtLeastSize 20
    }

    test("no more comes than was requested") {
        runTest {
            val heard = heard(flowOf(1, 2, 3))

            heard.subscription.request(2)
            runCurrent()
            heard.signals shouldContainExactly listOf("subscribed", "1", "2")
            heard.subscription.request(1)
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "1", "2", "3", "complete")
        }
    }

    test("a request of less than one is told as an error, once, and ends it") {
        runTest {
            val heard = heard(flowOf(1, 2, 3))

            heard.subscription.request(0)
            heard.subscription.request(-1)
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "request must be at least 1, was 0")
        }
    }

    test("nothing comes after cancel, though it was requested and waits") {
        runTest {
            val values = Channel<Int>(3)
            repeat(3) { values.send(it) }
            val heard = Heard(afterwards = { it.subscription.cancel() })
            publisher(values.receiveAsFlow()).subscribe(heard)
            runCurrent()

            heard.subscription.request(3)
            runCurrent()
            heard.subscription.request(0)
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "0")
        }
    }

    test("what fails, fails after what came before") {
        runTest {
            val failing =
                flow {
                    emit(1)
                    error("no more")
                }
            val heard = heard(failing)

            heard.subscription.request(9)
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "1", "no more")
        }
    }

    test("what onNext throws is told, even if it is somebody's cancellation") {
        runTest {
            val heard = Heard(afterwards = { throw CancellationException("a future's") })
            publisher(flowOf(1, 2)).subscribe(heard)
            runCurrent()

            heard.subscription.request(9)
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "1", "a future's")
        }
    }

    test("closing the client completes, with and without demand") {
        runTest {
            val client = TestScope(testScheduler)
            val waiting = Heard()
            val listening = Heard()
            listOf(waiting, listening).forEach {
                FlowPublisher(MutableStateFlow(1), Callbacks(client), isNewestOnly = false).subscribe(it)
            }
            runCurrent()
            listening.subscription.request(2)
            runCurrent()

            client.cancel()
            runCurrent()

            waiting.signals shouldContainExactly listOf("subscribed", "complete")
            listening.signals shouldContainExactly listOf("subscribed", "1", "complete")
        }
    }

    test("who subscribes to a client that is closed is told so") {
        runTest {
            val client = TestScope(testScheduler)
            client.cancel()
            val heard = Heard()

            FlowPublisher(MutableStateFlow(1), Callbacks(client), isNewestOnly = false).subscribe(heard)
            heard.signals.shouldBeEmpty()
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "complete")
        }
    }

    test("where only the newest counts, what waits gives way to it") {
        runTest {
            val state = MutableStateFlow(1)
            val client = CoroutineScope(coroutineContext)
            val heard = Heard()
            FlowPublisher(state, Callbacks(client), isNewestOnly = true).subscribe(heard)
            runCurrent()
            state.value = 2
            runCurrent()

            heard.subscription.request(1)
            runCurrent()
            heard.subscription.cancel()
            runCurrent()

            heard.signals shouldContainExactly listOf("subscribed", "2")
        }
    }

    test("more demand than can be counted is all there is") {
        runTest {
            val heard = heard((1..5).asFlow())

            heard.subscription.request(Long.MAX_VALUE)
            heard.subscription.request(Long.MAX_VALUE)
            runCurrent()

            heard.signals.last() shouldBe "complete"
        }
    }
})

private fun <T : Any> TestScope.publisher(source: Flow<T>) =
    FlowPublisher(source, Callbacks(TestScope(testScheduler)), isNewestOnly = false)

@OptIn(ExperimentalCoroutinesApi::class)
private fun TestScope.heard(source: Flow<Int>): Heard =
    Heard().also {
        publisher(source).subscribe(it)
        runCurrent()
    }

/** A subscriber that requests what the test says. */
private class Heard(private val afterwards: (Heard) -> Unit = {}) : Subscriber<Any> {
    val signals = mutableListOf<String>()
    lateinit var subscription: Subscription

    override fun onSubscribe(subscription: Subscription) {
        this.subscription = subscription
        signals += "subscribed"
    }

    override fun onNext(item: Any) {
        signals += item.toString()
        afterwards(this)
    }

    override fun onError(throwable: Throwable) {
        signals += throwable.message.orEmpty()
    }

    override fun onComplete() {
        signals += "complete"
    }
}
