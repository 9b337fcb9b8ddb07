package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration

/**
 * A message of the application on its way out, and the wait for what becomes of it. Only used on the client's
 * dispatcher.
 *
 * @param isAnswered whether the wait is for the server's answer; false: for being written
 */
internal class PendingSend(
    private val message: Message,
    private val isAnswered: Boolean,
    private val pending: PendingReplies,
) : Outgoing,
    ReplyHandler {
    private val outcome = CompletableDeferred<Message>()
    var wasTaken = false
        private set

    val type: String get() = message.type

    val topic: String get() = message.topic

    /** Bytes of its payload. */
    val size: Int = message.body?.size ?: 0

    suspend fun await(): Message = outcome.await()

    /** Its answer is waited for no longer. */
    fun forget() {
        if (isAnswered) pending.forget(message.ref)
    }

    override fun take(): Message {
        wasTaken = true
        if (isAnswered) pending.expect(message.ref, this) else outcome.complete(message)
        return message
    }

    override fun onAnswer(answer: Message) {
        outcome.complete(answer)
    }

    override fun onRefused(error: LiveException) {
        outcome.completeExceptionally(error)
    }

    override fun onConnectionLost(wasTooLarge: Boolean) {
        val how = if (wasTooLarge) "the server closed over a message that was too large," else "the connection broke"
        val what = "$how before the answer to '${message.type}' came"
        val lost = ConnectionLostException("$what; whether it was carried out is not known", wasTooLarge)
        outcome.completeExceptionally(lost)
    }

    fun onClosed(reason: String) {
        outcome.completeExceptionally(ClientClosedException(reason))
    }
}

/**
 * Sends what the application asks for and waits for the outcome. Callable from any thread.
 *
 * @param workers where code of the application runs
 * @param suspect called when an answer has not come in time: the connection may not stand
 * @param trace what the caller works for, or nothing; called on the caller's thread
 */
internal class RequestSender(
    private val scope: CoroutineScope,
    private val dispatcher: CoroutineContext,
    private val workers: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    private val suspect: () -> Unit = {},
    private val trace: () -> String = { "" },
) {
    private val keys = HashSet<String>()

    /**
     * Sends a message with the ref of [key] and returns its answer, as [ask] does.
     *
     * @throws IllegalStateException if another one with this key waits for its answer
     */
    suspend fun askOnce(
        key: String,
        type: String,
        topic: String,
        body: Body?,
        timeout: Duration,
        asksAgain: suspend (LiveException) -> Boolean = { false },
    ): Message {
        val message = Message(type, topic, Refs.ofKey(key), body, trace = trace())
        return withContext(dispatcher) {
            check(keys.add(key)) { "a message with the key '$key' waits for its answer; wait for that" }
            try {
                answerWithin(timeout, asksAgain) { PendingSend(message, isAnswered = true, pending) }
            } finally {
                keys -= key
            }
        }
    }

    /**
     * Sends a message with a new ref and returns its answer. The wait for a connection counts towards [timeout].
     *
     * @param asksAgain whether what failed so is sent once more; called on the client's dispatcher
     * @throws LiveException with the server's code if it refused, [ErrorCode.Timeout] if it did not answer in time
     */
    suspend fun ask(
        type: String,
        topic: String,
        body: Body?,
        timeout: Duration,
        asksAgain: suspend (LiveException) -> Boolean = { false },
    ): Message {
        // here: it may be known by the caller's thread. And not for what the client says of its own accord
        val trace = if (type == MessageType.AUTH) "" else trace()
        return withContext(dispatcher) { answerWithin(timeout, asksAgain) { question(type, topic, body, trace) } }
    }

    private suspend fun answerWithin(
        timeout: Duration,
        asksAgain: suspend (LiveException) -> Boolean,
        letter: () -> PendingSend,
    ): Message {
        var last = letter()
        var wasTaken = false
        return withTimeoutOrNull(timeout) {
            var answer: Message? = null
            while (answer == null) {
                try {
                    answer = deliver(last)
                } catch (e: LiveException) {
                    if (!asksAgain(e)) throw e
                    wasTaken = wasTaken || e is ConnectionLostException // a refusal was not carried out
                    last = letter()
                }
            }
            answer
        } ?: throw timedOut(last.type, wasTaken || last.wasTaken, timeout)
    }

    /** Sends [message] as it is, and returns when it has been handed to the connection. */
    suspend fun send(message: Message, timeout: Duration) {
        withContext(dispatcher) {
            val letter = PendingSend(message, isAnswered = false, pending)
            withTimeoutOrNull(timeout) { deliver(letter) } ?: throw timedOut(letter.type, letter.wasTaken, timeout)
        }
    }

    /**
     * Sends a message with a new ref if there is room for it to wait, and waits for nothing.
     *
     * @param timeout after which it is not sent any more
     * @param onFailure called with why it was not carried out, or may not have been
     */
    @OptIn(DelicateCoroutinesApi::class)
    fun tell(type: String, topic: String, body: Body?, timeout: Duration, onFailure: (LiveException) -> Unit): Boolean {
        val trace = trace()
        if (trace.isNotEmpty()) Message(type, trace = trace) // too long is the caller's error, and takes no room
        if (!outbox.room.tryTake(body?.size ?: 0)) return false
        // atomic: where the client is closed, it is told so
        scope.launch(dispatcher, CoroutineStart.ATOMIC) {
            val letter = question(type, topic, body, trace)
            try {
                withTimeoutOrNull(timeout) { answerTo(letter) { outbox.add(letter) } }
                    ?: throw timedOut(letter.type, letter.wasTaken, timeout)
            } catch (e: LiveException) {
                report(onFailure, e)
            } catch (e: CancellationException) {
                report(onFailure, ClientClosedException("the client is closed")) // nothing else cancels this
                throw e
            }
        }
        return true
    }

    /** Atomic: neither the client's end nor an executor that takes no more tasks may keep it from the application. */
    @OptIn(DelicateCoroutinesApi::class)
    private fun report(onFailure: (LiveException) -> Unit, failure: LiveException) {
        scope.launch(workers, CoroutineStart.ATOMIC) { onFailure(failure) }
    }

    private fun question(type: String, topic: String, body: Body?, trace: String) =
        PendingSend(Message(type, topic, refs.next(), body, trace = trace), isAnswered = true, pending)

    private suspend fun deliver(letter: PendingSend): Message = answerTo(letter) { outbox.put(letter) }

    private suspend inline fun answerTo(letter: PendingSend, put: () -> Unit): Message {
        try {
            put()
            return letter.await()
        } finally {
            outbox.withdraw(letter) // what its caller has given up must not be written later
            letter.forget()
        }
    }

    private fun timedOut(type: String, wasTaken: Boolean, timeout: Duration): LiveException {
        val reason =
            if (wasTaken) {
                suspect()
                "no answer to '$type' within $timeout; whether it was carried out is not known"
            } else {
                "'$type' was not sent within $timeout, for want of a connection"
            }
        return LiveException(ErrorCode.Timeout, reason)
    }
}
