package dev.live.test

import app.cash.turbine.test
import dev.live.client.topic.TopicUpdate
import dev.live.docs.operations.contextOf
import dev.live.docs.operations.traced
import dev.live.docs.operations.traceparent
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.opentelemetry.api.OpenTelemetry
import io.opentelemetry.api.trace.Span
import kotlin.time.Duration.Companion.minutes

private const val TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/** What docs/observing.md shows of traces does what it says, with the real API of OpenTelemetry. */
class TracingTest : FunSpec({
    // it makes no spans of its own: those that it is asked for are in the trace of their parent
    val tracer = OpenTelemetry.noop().getTracer("test")
    val module: Application.() -> Unit = { traced(tracer) }

    test("a trace goes from who publishes through the handler to who receives") {
        testLive(module) {
            val client = connect { trace { Span.current().traceparent() } }
            val room = client.topic<String>("room/1")

            room.updates.test(timeout = 2.minutes) {
                awaitItem()
                contextOf(TRACEPARENT).makeCurrent().use { room.publish("hello") }

                (awaitItem() as TopicUpdate.Received).trace shouldBe TRACEPARENT
            }
        }
    }

    test("a client that does not ask for traces gets none") {
        testLive(module) {
            val asking = connect { trace { TRACEPARENT } }
            val plain = connect()
            val received = asking.received<String>("room/1")

            plain.topic<String>("room/1").updates.test(timeout = 2.minutes) {
                awaitItem()
                asking.topic<String>("room/1").publish("hello")

                (awaitItem() as TopicUpdate.Received).trace shouldBe ""
            }
            received.next() shouldBe "hello"
        }
    }
})
