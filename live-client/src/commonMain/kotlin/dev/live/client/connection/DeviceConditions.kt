package dev.live.client.connection

import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.flow.withIndex
import kotlinx.coroutines.launch
import kotlin.time.Duration

/** Who tells a client of its device and application; null where nobody does. */
internal class SurroundingsSettings(
    val network: NetworkMonitor? = null,
    val lifecycle: AppLifecycle? = null,
    val keepFor: Duration = Duration.ZERO,
)

/**
 * What is known of a client's surroundings: whether it makes sense to be connected, and when something happened after
 * which it makes sense to look. Any thread.
 */
internal class DeviceConditions(private val settings: SurroundingsSettings) {
    /**
     * What is known.
     *
     * @property hints how often something said that it makes sense to look whether the connection stands, or to try now
     */
    data class Known(
        val network: Network? = null,
        val isInBackground: Boolean = false,
        val hints: Int = 0,
    ) {
        /** Why there is to be no attempt, or null. */
        val pause: PauseReason?
            get() =
                when {
                    isInBackground -> PauseReason.Background
                    network == Network.None -> PauseReason.NoNetwork
                    else -> null
                }
    }

    private val state = MutableStateFlow(Known())

    val known: StateFlow<Known> = state.asStateFlow()

    fun hint(): Unit = state.update { it.copy(hints = it.hints + 1) }

    /** Follows what is told until cancelled, or until nobody tells any more. */
    suspend fun watch(): Unit =
        coroutineScope {
            settings.network?.run { launch { follow(::networks, ::networkIs) { it.copy(network = null) } } }
            settings.lifecycle?.run {
                launch { follow(::foreground, ::foregroundIs) { it.copy(isInBackground = false) } }
            }
        }

    /** Calls [take] with what [flow] tells; [unknown] is what is known when it tells no more. */
    private suspend fun <T> follow(flow: () -> Flow<T>, take: suspend (T, Int) -> Unit, unknown: (Known) -> Known) {
        try {
            // the first word on how things are is no news
            flow().distinctUntilChanged().withIndex().collectLatest { (n, value) -> take(value, if (n == 0) 0 else 1) }
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive() // its failure is no reason to fail, but our cancellation is
        }
        state.update { unknown(it).copy(hints = it.hints + 1) }
    }

    private fun networkIs(network: Network, news: Int): Unit =
        state.update { it.copy(network = network, hints = it.hints + news) }

    private suspend fun foregroundIs(isForeground: Boolean, news: Int) {
        if (!isForeground) delay(settings.keepFor)
        state.update { it.copy(isInBackground = !isForeground, hints = it.hints + if (isForeground) news else 0) }
    }
}
