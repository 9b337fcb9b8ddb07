package dev.live.android

import android.app.Activity
import android.content.res.Configuration
import app.cash.turbine.test
import dev.live.client.android.AndroidAppLifecycle
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.runBlocking
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric.buildActivity
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import kotlin.time.Duration.Companion.minutes

/** Tests the lifecycle with Android's own `Application` and `Activity`. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34])
class AndroidAppLifecycleTest {
    private val lifecycle = AndroidAppLifecycle(RuntimeEnvironment.getApplication())

    @Test
    fun `starting and stopping activities emits changes`(): Unit = runBlocking {
        lifecycle.foreground().test(timeout = 2.minutes) {
            awaitItem() // the importance of Robolectric's simulated process is arbitrary
            val first = buildActivity(Activity::class.java).create().start().resume()
            first.pause().stop()
            expectMostRecentItem() shouldBe false
            val second = buildActivity(Activity::class.java).create().start().resume()
            awaitItem() shouldBe true
            second.pause()
            expectNoEvents()
            second.stop()

            awaitItem() shouldBe false
        }
    }

    @Test
    fun `a screen rotation emits no change`(): Unit = runBlocking {
        val activity = buildActivity(Activity::class.java)
        lifecycle.foreground().test(timeout = 2.minutes) {
            awaitItem()
            activity.setup().pause().stop()
            expectMostRecentItem() shouldBe false
            activity.restart().start().resume()
            awaitItem() shouldBe true
            val rotated = Configuration(activity.get().resources.configuration)
            rotated.orientation = Configuration.ORIENTATION_LANDSCAPE
            activity.configurationChange(rotated)

            expectNoEvents()
        }
    }
}
