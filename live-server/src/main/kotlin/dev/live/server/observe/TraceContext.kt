package dev.live.server.observe

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.CoroutineContext

/**
 * What the coroutine that has it works for: the trace of the message that is handled, in whatever handles it.
 *
 * With `install(Live) { traceContext = true }`, what a coroutine with one publishes or asks clients for carries it on, to
 * clients that want it too. A handler that begins a span of its own goes on in
 * `withContext(TraceContext(...)) { }`.
 *
 * @property traceparent as W3C Trace Context has it, at most 64 bytes of UTF-8; not read by live
 */
public class TraceContext(public val traceparent: String) : AbstractCoroutineContextElement(TraceContext) {
    /** The key of the element. */
    public companion object Key : CoroutineContext.Key<TraceContext>

    override fun toString(): String = "TraceContext($traceparent)"
}

/** Runs [block] as a part of [trace], or as it is if that is empty. */
internal suspend fun <T> inTrace(trace: String, block: suspend () -> T): T =
    if (trace.isEmpty()) block() else withContext(TraceContext(trace)) { block() }

/** What the caller works for; empty for nothing that is known. */
internal suspend fun currentTrace(): String = currentCoroutineContext()[TraceContext]?.traceparent.orEmpty()
