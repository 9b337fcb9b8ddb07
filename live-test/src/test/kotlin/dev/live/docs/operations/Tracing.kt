package dev.live.docs.operations

import dev.live.client.LiveClient
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.observe.TraceContext
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.opentelemetry.api.trace.Span
import io.opentelemetry.api.trace.Tracer
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator
import io.opentelemetry.context.Context
import io.opentelemetry.context.propagation.TextMapGetter
import kotlinx.coroutines.withContext

// The tracing code of docs/observing.md.

private object Traceparent : TextMapGetter<String> {
    override fun keys(carrier: String): Iterable<String> = listOf("traceparent")

    override fun get(carrier: String?, key: String): String? = carrier.takeIf { key == "traceparent" }
}

fun contextOf(traceparent: String): Context =
    W3CTraceContextPropagator.getInstance().extract(Context.root(), traceparent, Traceparent)

fun Span.traceparent(): String? =
    spanContext.run { if (isValid) "00-$traceId-$spanId-${traceFlags.asHex()}" else null }

internal fun Application.traced(tracer: Tracer) {
    install(Live) { traceContext = true }
    routing {
        live<Unit>("/live") {
            intercept { message, next ->
                val span = tracer.spanBuilder("live ${message.type}").setParent(contextOf(message.trace)).startSpan()
                try {
                    withContext(TraceContext(span.traceparent().orEmpty())) { next(message) }
                } finally {
                    span.end()
                }
            }
            topic<String>("room/{room}") { onPublish { text -> broadcast(text) } }
        }
    }
}

internal fun tracingClient(url: String): LiveClient =
    LiveClient(url) {
        trace { Span.current().traceparent() }
    }
