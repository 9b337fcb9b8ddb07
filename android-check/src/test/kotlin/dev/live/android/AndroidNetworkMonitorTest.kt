package dev.live.android

import android.net.ConnectivityManager
import app.cash.turbine.test
import dev.live.client.android.AndroidNetworkMonitor
import dev.live.client.connection.Network
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.runBlocking
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import kotlin.time.Duration.Companion.minutes

/** Tests the monitor with Android's own classes, as far as Robolectric supports them. The tests make the callbacks. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34])
class AndroidNetworkMonitorTest {
    private val application = RuntimeEnvironment.getApplication()
    private val manager = application.getSystemService(ConnectivityManager::class.java)
    private val callbacks get() = shadowOf(manager).networkCallbacks

    @Test
    fun `a lost and restored network is emitted`(): Unit = runBlocking {
        AndroidNetworkMonitor(application).networks().test(timeout = 2.minutes) {
            callbacks.single().onAvailable(ShadowNetwork.newInstance(100))
            awaitItem() shouldBe Network.Available("100")
            callbacks.single().onLost(ShadowNetwork.newInstance(100))
            awaitItem() shouldBe Network.None
            callbacks.single().onAvailable(ShadowNetwork.newInstance(101))

            awaitItem() shouldBe Network.Available("101")
        }
    }

    @Test
    fun `a blocked network counts as None`(): Unit = runBlocking {
        AndroidNetworkMonitor(application).networks().test(timeout = 2.minutes) {
            callbacks.single().onAvailable(ShadowNetwork.newInstance(100))
            awaitItem() shouldBe Network.Available("100")
            callbacks.single().onBlockedStatusChanged(ShadowNetwork.newInstance(100), true)

            awaitItem() shouldBe Network.None
        }
    }

    @Test
    fun `None is emitted at the start if there is no network`(): Unit = runBlocking {
        shadowOf(manager).setDefaultNetworkActive(false)

        AndroidNetworkMonitor(application).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
        }
    }

    @Test
    fun `the callback is unregistered when the collector ends`(): Unit = runBlocking {
        AndroidNetworkMonitor(application).networks().test(timeout = 2.minutes) {
            callbacks.size shouldBe 1
        }

        callbacks.shouldBeEmpty()
    }
}
