package dev.live.client.testing

import dev.live.client.connection.AppLifecycle
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.asStateFlow

/** An [AppLifecycle] that a test moves to the background and to the foreground. Thread-safe. */
public class FakeAppLifecycle : AppLifecycle {
    private val state = MutableStateFlow(true)

    /** Whether the application is in the foreground. Default true. */
    public var isForeground: Boolean
        get() = state.value
        set(value) {
            state.value = value
        }

    /** Number of clients that observe this lifecycle; 0 after all of them are closed. */
    public val observers: Int get() = state.subscriptionCount.value

    override fun foreground(): Flow<Boolean> = state.asStateFlow()
}
