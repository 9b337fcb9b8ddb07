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

/** The cursors of scopes, for Java; see [syncSignals]. */
public object JavaSyncSignals {
    /**
     * Calls [listener] with each cursor of [scope] that it can keep up with, the newest always and never an older
     * one, as an unsigned number in the bits of a `long`. Until the subscription or the client is closed.
     *
     * What [listener] throws, and a task that [executor] rejects, goes to the uncaught exception handler of the thread, and
     * nothing more comes.
     *
     * @param onRefused called if the server refuses the scope or does not answer, and nothing more comes
     * @param executor where both are called, one at a time
     * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or has control characters
     */
    @JvmStatic
    @JvmOverloads
    @OptIn(DelicateCoroutinesApi::class)
    public fun onSignal(
        live: JavaLiveClient,
        scope: String,
        listener: LongConsumer,
        onRefused: Consumer<in LiveException>,
        executor: Executor = ForkJoinPool.commonPool(),
    ): Subscription {
        val signals = live.client.syncSignals(scope).flowOn(Dispatchers.Default) // the listener alone is the executor's
        // its own, ended by the subscription
        val callbacks =
            CoroutineScope(SupervisorJob() + executor.asCoroutineDispatcher() + CoroutineName("live-sync-java"))
        // atomic: it has to tell too that the executor did not take its first step
        callbacks.launch(start = CoroutineStart.ATOMIC) {
            try {
                signals.collect {
                    ensureActive()
                    listener.accept(it.toLong())
                }
            } catch (e: LiveException) {
                onRefused.accept(e)
            } catch (e: CancellationException) {
                throw failureIn(e)
            }
        }
        return Subscription { callbacks.cancel() }
    }
}
