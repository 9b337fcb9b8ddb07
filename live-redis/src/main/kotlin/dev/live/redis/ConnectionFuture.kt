package dev.live.redis

import io.lettuce.core.api.StatefulConnection
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withTimeout
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionStage
import kotlin.time.Duration

/** The connection that is being opened. One that opens after [timeout] or a cancellation is closed. */
internal suspend fun <C : StatefulConnection<*, *>> CompletionStage<C>.awaitConnection(timeout: Duration): C {
    // a copy: cancelling the wait must not cancel the attempt, whose result has to be closed
    val copy = CompletableFuture<C>()
    whenComplete { connection, failure ->
        if (failure != null) copy.completeExceptionally(failure)
        if (connection != null && !copy.complete(connection)) connection.closeAsync()
    }
    return withTimeout(timeout) { copy.await() }
}
