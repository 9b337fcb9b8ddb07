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

    test("the publisher passes the Reactive Streams TCK") {
        val results = TestListenerAdapter()
        val kit = TestNG(false)
        kit.setTestClasses(arrayOf(FlowPublisherRules::class.java))
        kit.addListener(results)

        kit.run()

        results.failedTests.map { "${it.name}: ${it.throwable}" }.shouldBeEmpty()
        results.passedTests shouldHaveAtLeastSize 20
    }

    test("the publisher emits no more items than requested") {
        runTest {
            val subscriber = subscriber(flowOf(1, 2, 3))

            subscriber.subscription.request(2)
            runCurrent()
            subscriber.signals shouldContainExactly listOf("subscribed", "1", "2")
            subscriber.subscription.request(1)
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "1", "2", "3", "complete")
        }
    }

    test("a request of less than one ends the subscription with one error") {
        runTest {
            val subscriber = subscriber(flowOf(1, 2, 3))

            subscriber.subscription.request(0)
            subscriber.subscription.request(-1)
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "request must be at least 1, was 0")
        }
    }

    test("no item is emitted after cancel, even if requested items are waiting") {
        runTest {
            val values = Channel<Int>(3)
            repeat(3) { values.send(it) }
            val subscriber = TestSubscriber(afterNext = { it.subscription.cancel() })
            publisher(values.receiveAsFlow()).subscribe(subscriber)
            runCurrent()

            subscriber.subscription.request(3)
            runCurrent()
            subscriber.subscription.request(0)
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "0")
        }
    }

    test("a failure arrives after the items before it") {
        runTest {
            val failing =
                flow {
                    emit(1)
                    error("no more")
                }
            val subscriber = subscriber(failing)

            subscriber.subscription.request(9)
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "1", "no more")
        }
    }

    test("an exception of onNext is reported, even a CancellationException") {
        runTest {
            val subscriber = TestSubscriber(afterNext = { throw CancellationException("a future's") })
            publisher(flowOf(1, 2)).subscribe(subscriber)
            runCurrent()

            subscriber.subscription.request(9)
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "1", "a future's")
        }
    }

    test("closing the client completes the publisher, with and without demand") {
        runTest {
            val client = TestScope(testScheduler)
            val waiting = TestSubscriber()
            val requesting = TestSubscriber()
            listOf(waiting, requesting).forEach {
                FlowPublisher(MutableStateFlow(1), Callbacks(client), isNewestOnly = false).subscribe(it)
            }
            runCurrent()
            requesting.subscription.request(2)
            runCurrent()

            client.cancel()
            runCurrent()

            waiting.signals shouldContainExactly listOf("subscribed", "complete")
            requesting.signals shouldContainExactly listOf("subscribed", "1", "complete")
        }
    }

    test("a subscription after the client is closed completes") {
        runTest {
            val client = TestScope(testScheduler)
            client.cancel()
            val subscriber = TestSubscriber()

            FlowPublisher(MutableStateFlow(1), Callbacks(client), isNewestOnly = false).subscribe(subscriber)
            subscriber.signals.shouldBeEmpty()
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "complete")
        }
    }

    test("with isNewestOnly, a newer item replaces a waiting one") {
        runTest {
            val state = MutableStateFlow(1)
            val client = CoroutineScope(coroutineContext)
            val subscriber = TestSubscriber()
            FlowPublisher(state, Callbacks(client), isNewestOnly = true).subscribe(subscriber)
            runCurrent()
            state.value = 2
            runCurrent()

            subscriber.subscription.request(1)
            runCurrent()
            subscriber.subscription.cancel()
            runCurrent()

            subscriber.signals shouldContainExactly listOf("subscribed", "2")
        }
    }

    test("demand beyond Long.MAX_VALUE is unbounded") {
        runTest {
            val subscriber = subscriber((1..5).asFlow())

            subscriber.subscription.request(Long.MAX_VALUE)
            subscriber.subscription.request(Long.MAX_VALUE)
            runCurrent()

            subscriber.signals.last() shouldBe "complete"
        }
    }
})

private fun <T : Any> TestScope.publisher(source: Flow<T>) =
    FlowPublisher(source, Callbacks(TestScope(testScheduler)), isNewestOnly = false)

@OptIn(ExperimentalCoroutinesApi::class)
private fun TestScope.subscriber(source: Flow<Int>): TestSubscriber =
    TestSubscriber().also {
        publisher(source).subscribe(it)
        runCurrent()
    }

/** A subscriber that records its signals. The test controls its demand. */
private class TestSubscriber(private val afterNext: (TestSubscriber) -> Unit = {}) : Subscriber<Any> {
    val signals = mutableListOf<String>()
    lateinit var subscription: Subscription

    override fun onSubscribe(subscription: Subscription) {
        this.subscription = subscription
        signals += "subscribed"
    }

    override fun onNext(item: Any) {
        signals += item.toString()
        afterNext(this)
    }

    override fun onError(throwable: Throwable) {
        signals += throwable.message.orEmpty()
    }

    override fun onComplete() {
        signals += "complete"
    }
}
