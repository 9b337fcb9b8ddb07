@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.docs.testing

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.testing.FakeTransport
import dev.live.test.LiveLifecycleRule
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import org.junit.Rule
import org.junit.Test
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.seconds

// The test of docs/android.md. ShownTestsTest runs it.

class OfflineBannerTest {
    @get:Rule
    val device = LiveLifecycleRule()

    @Test
    fun `the banner is shown while there is no network`() = runTest {
        val live = LiveClient("ws://test/live") {
            transport = FakeTransport()
            context = backgroundScope.coroutineContext
            timeSource = testTimeSource
            networkMonitor = device.network
            lifecycle = device.app
        }
        runCurrent()

        device.offline()
        device.background()
        advanceTimeBy(31.seconds)
        assertIs<ConnectionState.Paused>(live.state.value)

        device.foreground()
        device.online("mobile")
        advanceTimeBy(2.seconds)
        assertIs<ConnectionState.Connected>(live.state.value)
    }
}
