package dev.live.server.observe

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.CoroutineContext

/**
 * The trace context of the current coroutine. Handlers run with the trace context of the message that they handle.
 *
 * With `install(Live) { traceContext = true }`, publishes and requests to clients from a coroutine with a trace context
 * propagate it, to clients that support it. A handler that starts its own span continues in
 * `withContext(TraceContext(...)) { }`.
 *
 * @property traceparent the `traceparent` value of W3C Trace Context, at most 64 bytes of UTF-8; not parsed by live.
 *   With a longer value, publishes and requests throw an [IllegalArgumentException]
 */
public class TraceContext(public val traceparent: String) : AbstractCoroutineContextElement(TraceContext) {
    /** The key of this element in a coroutine context. */
    public companion object Key : CoroutineContext.Key<TraceContext>

    override fun toString(): String = "TraceContext($traceparent)"
}

/** Runs [block] in the trace context [trace], or without a change if it is empty. */
internal suspend fun <T> inTrace(trace: String, block: suspend () -> T): T =
    if (trace.isEmpty()) block() else withContext(TraceContext(trace)) { block() }

/** The trace context of the caller; empty if there is none. */
internal suspend inline fun currentTrace(): String = currentCoroutineContext()[TraceContext]?.traceparent.orEmpty()
