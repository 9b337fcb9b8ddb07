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

    test("the first started activity begins the foreground, and the last stopped activity ends it") {
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

    test("a change between activities stays in the foreground") {
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

    test("a screen rotation emits no change") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val portrait = application.launch()
            awaitItem() shouldBe true
            portrait.isRotating = true
            application.leave(portrait)
            application.callbacks.onActivityDestroyed(portrait)
            val landscape = application.launch()
            expectNoEvents()
            application.leave(landscape)

            awaitItem() shouldBe false
        }
    }

    test("an activity that stops during the recreation of another emits no change") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val behind = application.launch()
            awaitItem() shouldBe true
            val front = application.launch()
            front.isRotating = true
            application.leave(front)
            application.leave(behind)
            application.launch()

            expectNoEvents()
        }
    }

    test("a recreated activity that finishes before it starts ends the foreground") {
        foregroundTest(importance = RunningAppProcessInfo.IMPORTANCE_CACHED) { application ->
            awaitItem() shouldBe false
            val portrait = application.launch()
            awaitItem() shouldBe true
            portrait.isRotating = true
            application.leave(portrait)
            application.callbacks.onActivityDestroyed(portrait)
            val landscape = FakeActivity()
            application.callbacks.onActivityCreated(landscape, null)
            expectNoEvents()
            application.callbacks.onActivityDestroyed(landscape)

            awaitItem() shouldBe false
        }
    }

    context("an application with an activity started before the collection") {
        for (importance in listOf(
            RunningAppProcessInfo.IMPORTANCE_FOREGROUND,
            RunningAppProcessInfo.IMPORTANCE_VISIBLE,
        )) {
            test("is in the foreground with process importance $importance until that activity stops") {
                foregroundTest(importance) { application ->
                    awaitItem() shouldBe true
                    application.callbacks.onActivityStopped(FakeActivity())

                    awaitItem() shouldBe false
                }
            }
        }

        test("stays in the foreground while that activity is covered and when it returns") {
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

        test("is not in the foreground with only a foreground service") {
            foregroundTest(importance = 125) { awaitItem() shouldBe false }
        }
    }

    test("the initial estimate does not override an activity that starts during registration") {
        val application = FakeApplication()
        application.onRegister = { it.onActivityStarted(FakeActivity()) }
        ActivityManager.importance = RunningAppProcessInfo.IMPORTANCE_CACHED

        AndroidAppLifecycle(application).foreground().test(timeout = 2.minutes) {
            awaitItem() shouldBe true
            expectNoEvents()
        }
    }

    test("the callbacks are unregistered when the collector ends") {
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

/** Makes the lifecycle callbacks in the same order as Android. */
private class FakeApplication : Application() {
    var onRegister: (ActivityLifecycleCallbacks) -> Unit = {}
    var registered: ActivityLifecycleCallbacks? = null
    val callbacks get() = checkNotNull(registered) { "no callbacks are registered" }

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
    var isRotating = false

    override fun isChangingConfigurations(): Boolean = isRotating
}
