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

/** Tests the tracing example of docs/observing.md with the OpenTelemetry API. */
class TracingTest : FunSpec({
    // the no-op tracer propagates the parent context: a new span has the trace of its parent
    val tracer = OpenTelemetry.noop().getTracer("test")
    val module: Application.() -> Unit = { traced(tracer) }

    test("a trace is propagated from the publisher through the handler to the receiver") {
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

    test("a client without tracing receives no traces") {
        testLive(module) {
            val traced = connect { trace { TRACEPARENT } }
            val plain = connect()
            val received = traced.received<String>("room/1")

            plain.topic<String>("room/1").updates.test(timeout = 2.minutes) {
                awaitItem()
                traced.topic<String>("room/1").publish("hello")

                (awaitItem() as TopicUpdate.Received).trace shouldBe ""
            }
            received.next() shouldBe "hello"
        }
    }
})
