package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/**
 * Sends application messages and waits for their replies. Thread-safe.
 *
 * @param workers context for callbacks of the application
 * @param onTimeout called when a reply did not arrive in time, because the connection may be dead
 * @param trace returns the current `traceparent` or an empty string; called on the caller's thread
 */
internal class RequestSender(
    private val scope: CoroutineScope,
    private val dispatcher: CoroutineContext,
    private val workers: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    private val onTimeout: () -> Unit = {},
    private val trace: () -> String = { "" },
) {
    /** Keys of the requests that wait for a reply. Only accessed on the client's dispatcher. */
    private val keys = HashSet<String>()

    /**
     * Sends a message with the idempotency key [key] as its ref and returns the reply. Otherwise the same as [request].
     *
     * @throws IllegalStateException if another request with this key waits for its reply
     */
    suspend fun requestOnce(
        key: String,
        type: String,
        topic: String,
        body: Body?,
        timeout: Duration,
        retryIf: suspend (LiveException) -> Boolean = { false },
    ): Message {
        val message = Message(type, topic, Refs.ofKey(key), body, trace = trace())
        return withContext(dispatcher) {
            check(keys.add(key)) { "a message with the key '$key' still waits for its reply" }
            try {
                awaitReply(timeout, retryIf) { PendingSend(message, expectsReply = true, pending) }
            } finally {
                keys -= key
            }
        }
    }

    /**
     * Sends a message with a new ref and returns the reply. The wait for a connection counts towards [timeout].
     *
     * @param retryIf whether to send the message again after a failure; called on the client's dispatcher
     * @throws LiveException with the server's code if the server rejects the message, [ErrorCode.Timeout] if no reply
     *   arrives in time
     */
    suspend fun request(
        type: String,
        topic: String,
        body: Body?,
        timeout: Duration,
        retryIf: suspend (LiveException) -> Boolean = { false },
    ): Message {
        // called here because the trace may be bound to the caller's thread; the client's own messages have none
        val trace = if (type == MessageType.AUTH) "" else trace()
        return withContext(dispatcher) { awaitReply(timeout, retryIf) { newRequest(type, topic, body, trace) } }
    }

    private suspend fun awaitReply(
        timeout: Duration,
        retryIf: suspend (LiveException) -> Boolean,
        newRequest: () -> PendingSend,
    ): Message {
        var request = newRequest()
        var mayBeProcessed = false
        return withTimeoutOrNull(timeout) {
            var reply: Message? = null
            while (reply == null) {
                try {
                    reply = sendAndAwait(request)
                } catch (e: LiveException) {
                    if (!retryIf(e)) throw e
                    mayBeProcessed = mayBeProcessed || e is ConnectionLostException // a rejected one was not processed
                    request = newRequest()
                }
            }
            reply
        } ?: throw timedOut(request.type, mayBeProcessed || request.wasTaken, timeout)
    }

    /** Sends [message] unchanged, and returns when the connection has taken it for writing. */
    suspend fun send(message: Message, timeout: Duration) {
        withContext(dispatcher) {
            val send = PendingSend(message, expectsReply = false, pending)
            withTimeoutOrNull(timeout) { sendAndAwait(send) } ?: throw timedOut(send.type, send.wasTaken, timeout)
        }
    }

    /**
     * Queues a message with a new ref without suspending. Returns false if the outbox has no capacity.
     *
     * @param timeout after this time the message is no longer sent
     * @param onFailure called if the message was not processed, or may not have been
     */
    @OptIn(DelicateCoroutinesApi::class)
    fun trySend(
        type: String,
        topic: String,
        body: Body?,
        timeout: Duration,
        onFailure: (LiveException) -> Unit,
    ): Boolean {
        val trace = trace()
        if (trace.isNotEmpty()) Message(type, trace = trace) // throws if the trace is too long, before taking capacity
        if (!outbox.capacity.tryAcquire(body?.size ?: 0)) return false
        // atomic: onFailure must be called even if the client is closed
        scope.launch(dispatcher, CoroutineStart.ATOMIC) {
            val request = newRequest(type, topic, body, trace)
            try {
                withTimeoutOrNull(timeout) { awaitReply(request) { outbox.add(request) } }
                    ?: throw timedOut(request.type, request.wasTaken, timeout)
            } catch (e: LiveException) {
                report(onFailure, e)
            } catch (e: CancellationException) {
                report(onFailure, ClientClosedException("the client is closed")) // there is no other cancellation
                throw e
            }
        }
        return true
    }

    /** Atomic: the application is notified even if the client is closed or its executor rejects tasks. */
    @OptIn(DelicateCoroutinesApi::class)
    private fun report(onFailure: (LiveException) -> Unit, failure: LiveException) {
        scope.launch(workers, CoroutineStart.ATOMIC) { onFailure(failure) }
    }

    private fun newRequest(type: String, topic: String, body: Body?, trace: String) =
        PendingSend(Message(type, topic, refs.next(), body, trace = trace), expectsReply = true, pending)

    private suspend fun sendAndAwait(send: PendingSend): Message = awaitReply(send) { outbox.put(send) }

    private suspend inline fun awaitReply(send: PendingSend, enqueue: () -> Unit): Message {
        try {
            enqueue()
            return send.await()
        } finally {
            outbox.remove(send) // a message must not be written after the wait of its caller has ended
            send.cancel()
        }
    }

    private fun timedOut(type: String, mayBeProcessed: Boolean, timeout: Duration): LiveException {
        val reason =
            if (mayBeProcessed) {
                onTimeout()
                "no reply to '$type' within $timeout; the server may have processed it"
            } else {
                "'$type' was not sent within $timeout: no connection or a slow network"
            }
        return LiveException(ErrorCode.Timeout, reason)
    }
}
