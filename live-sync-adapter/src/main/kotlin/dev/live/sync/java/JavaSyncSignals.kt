package dev.live.sync.java

import dev.live.client.java.JavaLiveClient
import dev.live.client.java.Subscription
import dev.live.protocol.LiveException
import dev.live.sync.client.syncSignals
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
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
     * @param onRefused called if the server refuses the scope or does not answer, and nothing more comes
     * @param executor where both are called, one at a time
     * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or has control characters
     */
    @JvmStatic
    @JvmOverloads
    public fun onSignal(
        live: JavaLiveClient,
        scope: String,
        listener: LongConsumer,
        onRefused: Consumer<in LiveException>,
        executor: Executor = ForkJoinPool.commonPool(),
    ): Subscription {
        val signals = live.client.syncSignals(scope)
        // its own, ended by the subscription
        val callbacks =
            CoroutineScope(SupervisorJob() + executor.asCoroutineDispatcher() + CoroutineName("live-sync-java"))
        callbacks.launch {
            try {
                signals.collect { listener.accept(it.toLong()) }
            } catch (e: LiveException) {
                onRefused.accept(e)
            }
        }
        return Subscription { callbacks.cancel() }
    }
}
