package dev.live.server.topic

import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlin.coroutines.resume

/**
 * The events of one topic that wait to be handled, at most [TopicRuntime.buffer], and the turn to handle them, which
 * one thread has at a time. Events are handled in the order in which they were emitted.
 *
 * The thread that emits to an idle topic takes the turn and handles the event at once. Until it returns, other threads
 * only add their events, which it handles too. A `MutableSharedFlow` with a coroutine that collects it would do the
 * same, but takes 500 bytes per topic.
 *
 * A superclass instead of a field, to avoid one object per topic. Every function may be called from any thread, unless
 * noted otherwise. The turn includes the fields of subclasses: a thread sees what the thread before it has written.
 */
internal abstract class TopicMailbox(protected val runtime: TopicRuntime) : Runnable {
    /** Whether a thread has the turn, or will get it from [start] or [leave]. Guarded by this object's monitor. */
    private var isTaken = false

    /** Null while none waits, which is nearly always. Guarded by this object's monitor, like [emitters]. */
    private var waiting: ArrayDeque<TopicEvent>? = null

    /** Coroutines that wait for space. While there is one, [waiting] is full. Null while there is none. */
    private var emitters: ArrayDeque<Emitter>? = null

    /** Number of messages in [waiting]. Written under the monitor. */
    @Volatile
    private var waitingMessages = 0

    @Volatile
    private var isStopped = false

    private class Emitter(val event: TopicEvent, val continuation: CancellableContinuation<Unit>)

    /**
     * Handles [event]. Only called by the thread that has the turn, and does not throw.
     *
     * @param isLast whether no message waits behind it
     */
    protected abstract fun handle(event: TopicEvent, isLast: Boolean)

    /**
     * Returns the loop that handles the next events after its current read, or null if the calling thread handles them.
     * Called at the start of a turn, under the monitor.
     */
    protected abstract fun loopForTurn(): ReadLoop?

    /** Whether the next events must wait, or need another thread. Called by the turn after each event. */
    protected abstract fun mustLeave(): Boolean

    /** Returns when the next event may be handled, after [mustLeave]. */
    protected abstract suspend fun awaitNext()

    /** Adds [event]; returns false if too many events wait. May handle this event and others. */
    protected fun tryEmit(event: TopicEvent): Boolean {
        val loop = synchronized(this) {
            if (isTaken) return add(event)
            isTaken = true
            val loop = loopForTurn()
            if (loop != null || runtime.actor != null) append(event)
            loop
        }
        start(loop, event)
        return true
    }

    /** Adds [event]; suspends while too many events wait. An event whose emitter is cancelled may still be handled. */
    protected suspend fun emit(event: TopicEvent) {
        if (!tryEmit(event)) emitWhenSpace(event)
    }

    private suspend fun emitWhenSpace(event: TopicEvent): Unit =
        suspendCancellableCoroutine { continuation ->
            val emitter = Emitter(event, continuation)
            while (!tryEmit(event)) {
                if (!addEmitter(emitter)) continue
                continuation.invokeOnCancellation { remove(emitter) }
                return@suspendCancellableCoroutine
            }
            continuation.resume(Unit)
        }

    /** Returns false if there is space for an event. */
    private fun addEmitter(emitter: Emitter): Boolean =
        synchronized(this) {
            val isFull = isTaken && (waiting?.size ?: 0) >= runtime.buffer
            if (isFull) (emitters ?: ArrayDeque<Emitter>().also { emitters = it }).addLast(emitter)
            isFull
        }

    private fun remove(emitter: Emitter) {
        synchronized(this) { emitters?.remove(emitter) }
    }

    /** Adds [event], unless too many wait. Only called under the monitor, like [append]. */
    private fun add(event: TopicEvent): Boolean {
        if ((waiting?.size ?: 0) >= runtime.buffer) return false
        append(event)
        return true
    }

    private fun append(event: TopicEvent) {
        (waiting ?: ArrayDeque<TopicEvent>().also { waiting = it }).addLast(event)
        if (event is PreparedMessage) waitingMessages++
    }

    /**
     * Starts a turn of this thread, with the event [first]; or of [loop] or [TopicRuntime.actor], which find all events
     * waiting.
     */
    private fun start(loop: ReadLoop?, first: TopicEvent?) {
        val actor = runtime.actor
        when {
            actor != null -> runtime.dispatch(actor, this)
            loop != null -> loop.runAfterRead(this)
            else -> handleAll(first)
        }
    }

    /** Handles the waiting events. Called once for each turn of another thread. */
    override fun run(): Unit = handleAll(first = null)

    private fun handleAll(first: TopicEvent?) {
        var event = first ?: next() ?: return
        while (true) {
            if (isStopped || !runtime.isActive) discard(event) else handle(event, isLast = waitingMessages == 0)
            if (mustLeave()) return leave()
            event = next() ?: return
        }
    }

    /** Returns the next event, or ends the turn and returns null if none waits. */
    private fun next(): TopicEvent? {
        var emitter: Emitter? = null
        val event = synchronized(this) {
            val next = waiting?.removeFirstOrNull()
            if (next == null) {
                isTaken = false
                waiting = null
                emitters = null
                return null
            }
            if (next is PreparedMessage) waitingMessages--
            emitter = emitters?.removeFirstOrNull()?.also { append(it.event) }
            next
        }
        emitter?.continuation?.resume(Unit)
        return event
    }

    /** Continues the turn on the server's dispatcher. */
    @OptIn(DelicateCoroutinesApi::class)
    private fun leave() {
        // atomic: the waiting events are discarded even if the server has ended
        runtime.scope.launch(runtime.dispatcher, CoroutineStart.ATOMIC) {
            try {
                awaitNext()
            } finally {
                start(synchronized(this@TopicMailbox) { loopForTurn() }, first = null)
            }
        }
    }

    /** The topic has ended. Callers that only inspect it do not wait any longer. */
    private fun discard(event: TopicEvent) {
        if (event is Inspect) event.done.complete(Unit)
    }

    /** Discards all later events. */
    open fun stop() {
        isStopped = true
    }
}
