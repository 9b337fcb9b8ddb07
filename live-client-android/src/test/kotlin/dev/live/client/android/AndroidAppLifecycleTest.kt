package dev.live.client.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import app.cash.turbine.TurbineTestContext
import app.cash.turbine.test
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.flow.first
import kotlin.time.Duration.Companion.minutes

class AndroidAppLifecycleTest : FunSpec({

    test("an application whose first activity starts comes to the foreground, and leaves it with the last that stops") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val activity = application.launch()
            awaitItem() shouldBe true
            application.callbacks.onActivityPaused(activity)
            expectNoEvents()
            application.callbacks.onActivityStopped(activity)

            awaitItem() shouldBe false
        }
    }

    test("going from one activity to another is not leaving") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val first = application.launch()
            awaitItem() shouldBe true
            application.callbacks.onActivityPaused(first)
            val second = application.launch()
            application.callbacks.onActivityStopped(first)
            expectNoEvents()
            application.callbacks.onActivityPaused(second)
            application.callbacks.onActivityStopped(second)

            awaitItem() shouldBe false
        }
    }

    test("a turned screen does not flap") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val upright = application.launch()
            awaitItem() shouldBe true
            upright.isTurning = true
            application.leave(upright)
            application.callbacks.onActivityDestroyed(upright)
            val across = application.launch()
            expectNoEvents()
            application.leave(across)

            awaitItem() shouldBe false
        }
    }

    test("an activity that stops beside one that is made anew does not flap either") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val behind = application.launch()
            awaitItem() shouldBe true
            val front = application.launch()
            front.isTurning = true
            application.leave(front)
            application.leave(behind)
            application.launch()

            expectNoEvents()
        }
    }

    test("an activity that is made anew, and finishes before it starts, leaves the foreground") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val upright = application.launch()
            awaitItem() shouldBe true
            upright.isTurning = true
            application.leave(upright)
            application.callbacks.onActivityDestroyed(upright)
            val across = FakeActivity()
            application.callbacks.onActivityCreated(across, null)
            expectNoEvents()
            application.callbacks.onActivityDestroyed(across)

            awaitItem() shouldBe false
        }
    }

    context("an application with an activity from before") {
        for (importance in listOf(
            RunningAppProcessInfo.IMPORTANCE_FOREGROUND,
            RunningAppProcessInfo.IMPORTANCE_VISIBLE,
        )) {
            test("is in the foreground where its process has importance $importance, until that activity stops") {
                foregroundTest(importance) { application ->
                    awaitItem() shouldBe true
                    application.callbacks.onActivityStopped(FakeActivity())

                    awaitItem() shouldBe false
                }
            }
        }

        test("stays there while that activity is behind another one, and when it is back") {
            foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_FOREGROUND) { application ->
                awaitItem() shouldBe true
                val before = FakeActivity()
                application.callbacks.onActivityPaused(before)
                val dialog = application.launch()
                application.leave(dialog)
                application.callbacks.onActivityResumed(before)
                expectNoEvents()
                application.leave(before)

                awaitItem() shouldBe false
            }
        }

        test("is not in the foreground where its process only has a service there") {
            foregroundTest(importance = 125) { awaitItem() shouldBe false }
        }
    }

    test("an activity that starts while the callbacks are registered is not taken back") {
        val application = FakeApplication()
        application.onRegister = { it.onActivityStarted(FakeActivity()) }
        ActivityManager.importance = RunningAppProcessInfo.IMPORTANCE_CACHED

        AndroidAppLifecycle(application).foreground().test(timeout = 2.minutes) {
            awaitItem() shouldBe true
            expectNoEvents()
        }
    }

    test("the callbacks are taken away when the collector ends") {
        val application = FakeApplication()

        AndroidAppLifecycle(application).foreground().first()

        application.registered shouldBe null
    }
})

private suspend fun foregroundTest(
    importance: Int,
    block: suspend TurbineTestContext<Boolean>.(FakeApplication) -> Unit,
) {
    ActivityManager.importance = importance
    val application = FakeApplication()
    AndroidAppLifecycle(application).foreground().test(timeout = 2.minutes) { block(application) }
}

/** Android's calls in the order in which it makes them. */
private class FakeApplication : Application() {
    var onRegister: (ActivityLifecycleCallbacks) -> Unit = {}
    var registered: ActivityLifecycleCallbacks? = null
    val callbacks get() = checkNotNull(registered) { "nobody watches" }

    fun launch(): FakeActivity {
        val activity = FakeActivity()
        callbacks.onActivityCreated(activity, null)
        callbacks.onActivityStarted(activity)
        callbacks.onActivityResumed(activity)
        return activity
    }

    fun leave(activity: FakeActivity) {
        callbacks.onActivityPaused(activity)
        callbacks.onActivityStopped(activity)
    }

    override fun registerActivityLifecycleCallbacks(callback: ActivityLifecycleCallbacks) {
        registered = callback
        onRegister(callback)
    }

    override fun unregisterActivityLifecycleCallbacks(callback: ActivityLifecycleCallbacks) {
        check(registered === callback) { "not registered" }
        registered = null
    }
}

private class FakeActivity : Activity() {
    var isTurning = false

    override fun isChangingConfigurations(): Boolean = isTurning
}
