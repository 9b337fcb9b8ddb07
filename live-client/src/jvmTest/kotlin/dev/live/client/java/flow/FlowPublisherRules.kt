package dev.live.client.java.flow

import dev.live.client.java.Callbacks
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.flow
import org.reactivestreams.tck.TestEnvironment
import org.reactivestreams.tck.flow.FlowPublisherVerification
import java.util.concurrent.Flow

/** The Reactive Streams TCK. TestNG runs it: see FlowPublisherTest. */
class FlowPublisherRules : FlowPublisherVerification<Long>(
    // a long timeout for expected signals, a short one for unexpected signals
    TestEnvironment(10_000, 50, 10, false),
    10_000,
) {
    private val callbacks = Callbacks(CoroutineScope(SupervisorJob() + Dispatchers.Default))

    override fun createFlowPublisher(elements: Long): Flow.Publisher<Long> {
        val numbers = flow { for (number in 0 until elements) emit(number) }
        return FlowPublisher(numbers, callbacks, isNewestOnly = false)
    }

    override fun createFailedFlowPublisher(): Flow.Publisher<Long> =
        FlowPublisher(flow { error("failed by the test") }, callbacks, isNewestOnly = false)
}
