package dev.live.client.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import android.os.Bundle
import java.util.Collections
import java.util.IdentityHashMap

/**
 * Tracks started activities. Android calls the callbacks on the main thread; [begin] is called once from another
 * thread.
 *
 * @param onChange receives whether an activity is started; must not block
 */
internal class ActivityTracker(private val onChange: (Boolean) -> Unit) : Application.ActivityLifecycleCallbacks {
    // Guarded by this. A reference to an activity is kept only until it is stopped.
    private val started = Collections.newSetFromMap(IdentityHashMap<Activity, Boolean>())

    /** True while an activity was stopped for recreation and its replacement has not started. */
    private var isRecreating = false
    private var hasNotified = false

    /** Reports the initial state, unless an activity callback has already reported a state. */
    @Synchronized
    fun begin(isVisible: Boolean) {
        if (!hasNotified) onChange(isVisible)
    }

    @Synchronized
    override fun onActivityStarted(activity: Activity) {
        isRecreating = false
        addStarted(activity)
    }

    override fun onActivityResumed(activity: Activity): Unit = addStarted(activity)

    // for an activity started before registration, this may be the first callback: another activity covers it
    override fun onActivityPaused(activity: Activity): Unit = addStarted(activity)

    @Synchronized
    override fun onActivityStopped(activity: Activity) {
        started -= activity
        isRecreating = isRecreating || activity.isChangingConfigurations
        changed()
    }

    override fun onActivityCreated(activity: Activity, savedInstanceState: Bundle?): Unit = Unit

    override fun onActivitySaveInstanceState(activity: Activity, outState: Bundle): Unit = Unit

    @Synchronized
    override fun onActivityDestroyed(activity: Activity) {
        if (!isRecreating || started.isNotEmpty() || activity.isChangingConfigurations) return
        isRecreating = false // the recreated activity finished before it started
        changed()
    }

    @Synchronized
    private fun addStarted(activity: Activity) {
        started += activity
        changed()
    }

    private fun changed() {
        hasNotified = true
        onChange(started.isNotEmpty() || isRecreating)
    }
}

/**
 * Whether this process is visible to the user, or is being started for a visible activity. A foreground service alone
 * does not count.
 */
internal fun isProcessVisible(): Boolean {
    val process = RunningAppProcessInfo()
    ActivityManager.getMyMemoryState(process)
    return process.importance == RunningAppProcessInfo.IMPORTANCE_FOREGROUND ||
        process.importance == RunningAppProcessInfo.IMPORTANCE_VISIBLE
}
