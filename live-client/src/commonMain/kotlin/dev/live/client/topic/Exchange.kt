package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
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

    suspend fun await(): Message = outcome.await()

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

/** Sends what the application asks for and waits for the outcome. Callable from any thread. */
internal class Exchange(
    private val dispatcher: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
) {
    /**
     * Sends a message with a new ref and returns its answer. The wait for a connection counts towards [timeout].
     *
     * @throws LiveException with the server's code if it refused, [ErrorCode.Timeout] if it did not answer in time
     */
    suspend fun ask(type: String, topic: String, body: Body?, timeout: Duration): Message =
        withContext(dispatcher) {
            val message = Message(type, topic, refs.next(), body)
            try {
                deliver(message, Letter(message, isAnswered = true, pending), timeout)
            } finally {
                pending.forget(message.ref)
            }
        }

    /** Sends [message] as it is, and returns when it has been handed to the connection. */
    suspend fun send(message: Message, timeout: Duration) {
        withContext(dispatcher) { deliver(message, Letter(message, isAnswered = false, pending), timeout) }
    }

    private suspend fun deliver(message: Message, letter: Letter, timeout: Duration): Message {
        try {
            val outcome =
                withTimeoutOrNull(timeout) {
                    outbox.put(letter)
                    letter.await()
                }
            return outcome ?: throw LiveException(ErrorCode.Timeout, describeTimeout(message, letter, timeout))
        } finally {
            outbox.withdraw(letter) // what its caller has given up must not be written later
        }
    }

    private fun describeTimeout(message: Message, letter: Letter, timeout: Duration): String =
        if (letter.wasTaken) {
            "no answer to '${message.type}' within $timeout; whether it was carried out is not known"
        } else {
            "'${message.type}' was not sent within $timeout, for want of a connection"
        }
}
