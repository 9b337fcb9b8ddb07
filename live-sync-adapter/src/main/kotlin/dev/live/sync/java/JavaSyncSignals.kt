package dev.live.sync.java

import dev.live.client.java.JavaLiveClient
import dev.live.client.java.Subscription
import dev.live.protocol.LiveException
import dev.live.sync.client.syncSignals
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.launch
import java.util.concurrent.Executor
import java.util.concurrent.ForkJoinPool
import java.util.function.Consumer
import java.util.function.LongConsumer

/** [syncSignals] for Java: the cursors of a scope. */
public object JavaSyncSignals {
    /**
     * Calls [listener] with the cursors of [scope] until the subscription or the client is closed.
     *
     * Cursors are unsigned numbers in the bits of a `long`, and strictly increase. A slow [listener] skips intermediate
     * cursors but receives the newest. An exception of [listener], or a task that [executor] rejects, goes to the
     * thread's uncaught exception handler and ends the subscription.
     *
     * @param onError called if the server rejects the scope or does not reply in time; the subscription ends then
     * @param executor runs both callbacks, one at a time
     * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or contains control characters
     */
    @JvmStatic
    @JvmOverloads
    @OptIn(DelicateCoroutinesApi::class)
    public fun onSignal(
        live: JavaLiveClient,
        scope: String,
        listener: LongConsumer,
        onError: Consumer<in LiveException>,
        executor: Executor = ForkJoinPool.commonPool(),
    ): Subscription {
        val signals = live.client.syncSignals(scope).flowOn(Dispatchers.Default) // only callbacks run on the executor
        // cancelled by closing the subscription
        val callbacks =
            CoroutineScope(SupervisorJob() + executor.asCoroutineDispatcher() + CoroutineName("live-sync-java"))
        // ATOMIC: the block must also run if the executor rejects the first dispatch, to report that
        callbacks.launch(start = CoroutineStart.ATOMIC) {
            try {
                signals.collect {
                    ensureActive()
                    listener.accept(it.toLong())
                }
            } catch (e: LiveException) {
                onError.accept(e)
            } catch (e: CancellationException) {
                throw failureIn(e)
            }
        }
        return Subscription { callbacks.cancel() }
    }
}
