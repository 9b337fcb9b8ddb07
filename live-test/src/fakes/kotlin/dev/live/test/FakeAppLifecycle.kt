package dev.live.test

import dev.live.client.connection.AppLifecycle
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.asStateFlow

/** An application that goes to the background and comes back when a test says so. Any thread. */
public class FakeAppLifecycle : AppLifecycle {
    private val state = MutableStateFlow(true)

    /** Whether it is in the foreground, as it is in the beginning. */
    public var isForeground: Boolean
        get() = state.value
        set(value) {
            state.value = value
        }

    /** How many clients follow it: none once all have been closed. */
    public val followers: Int get() = state.subscriptionCount.value

    override fun foreground(): Flow<Boolean> = state.asStateFlow()
}
