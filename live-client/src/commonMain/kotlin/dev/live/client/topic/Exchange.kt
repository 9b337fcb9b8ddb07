package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.CompletableDeferred
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
internal class Letter(
    private val message: Message,
    private val isAnswered: Boolean,
    private val pending: PendingReplies,
) : Outgoing,
    Asker {
    private val outcome = CompletableDeferred<Message>()
    var wasTaken = false
        private set

    val type: String get() = message.type

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

    override fun onConnectionLost() {
        val what = "the connection broke before the answer to '${message.type}' came"
        outcome.completeExceptionally(ConnectionLostException("$what; whether it was carried out is not known"))
    }

    fun onClosed(reason: String) {
        outcome.completeExceptionally(ClientClosedException(reason))
    }
}

/**
 * Sends what the application asks for and waits for the outcome. Callable from any thread.
 *
 * @param suspect called when an answer has not come in time, which suggests that the connection does not stand
 * @param trace what the caller works for, or nothing; called on the caller's thread
 */
internal class Exchange(
    private val dispatcher: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    private val suspect: () -> Unit = {},
    private val trace: () -> String = { "" },
) {
    private val keys = HashSet<String>()

    /**
     * Sends a request with the ref of [key] and returns its answer, as [ask] does; nothing is sent again by itself.
     *
     * @throws IllegalStateException if another one with this key waits for its answer
     */
    suspend fun askOnce(key: String, type: String, topic: String, body: Body?, timeout: Duration): Message {
        val message = Message(type, topic, Refs.ofKey(key), body, trace = trace())
        return withContext(dispatcher) {
            check(keys.add(key)) { "a request with the key '$key' waits for its answer; wait for that" }
            try {
                val letter = Letter(message, isAnswered = true, pending)
                withTimeoutOrNull(timeout) { deliver(letter) } ?: throw timedOut(letter, timeout)
            } finally {
                keys -= key
            }
        }
    }

    /**
     * Sends a message with a new ref and returns its answer. The wait for a connection counts towards [timeout].
     *
     * @param asksAgain whether a message that was refused is sent once more; called on the client's dispatcher
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
        return withContext(dispatcher) {
            var letter = question(type, topic, body, trace)
            withTimeoutOrNull(timeout) {
                try {
                    deliver(letter)
                } catch (e: LiveException) {
                    if (!asksAgain(e)) throw e
                    letter = question(type, topic, body, trace)
                    deliver(letter)
                }
            } ?: throw timedOut(letter, timeout)
        }
    }

    /** Sends [message] as it is, and returns when it has been handed to the connection. */
    suspend fun send(message: Message, timeout: Duration) {
        withContext(dispatcher) {
            val letter = Letter(message, isAnswered = false, pending)
            withTimeoutOrNull(timeout) { deliver(letter) } ?: throw timedOut(letter, timeout)
        }
    }

    private fun question(type: String, topic: String, body: Body?, trace: String) =
        Letter(Message(type, topic, refs.next(), body, trace = trace), isAnswered = true, pending)

    private suspend fun deliver(letter: Letter): Message {
        try {
            outbox.put(letter)
            return letter.await()
        } finally {
            outbox.withdraw(letter) // what its caller has given up must not be written later
            letter.forget()
        }
    }

    private fun timedOut(letter: Letter, timeout: Duration): LiveException {
        val reason =
            if (letter.wasTaken) {
                suspect()
                "no answer to '${letter.type}' within $timeout; whether it was carried out is not known"
            } else {
                "'${letter.type}' was not sent within $timeout, for want of a connection"
            }
        return LiveException(ErrorCode.Timeout, reason)
    }
}
