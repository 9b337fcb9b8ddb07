package dev.live.client.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import android.os.Bundle
import java.util.Collections
import java.util.IdentityHashMap

/**
 * Counts started activities. Called on the main thread, and once from outside.
 *
 * @param tell whether there is one; must not block
 */
internal class ActivityWatch(private val tell: (Boolean) -> Unit) : Application.ActivityLifecycleCallbacks {
    // Guarded by this. An activity is only held until it is stopped.
    private val started = Collections.newSetFromMap(IdentityHashMap<Activity, Boolean>())

    /** An activity was stopped only to be made anew, and the new one is not there yet. */
    private var isRecreating = false
    private var isTold = false

    /** Says what there seems to be, unless an activity has already said more. */
    @Synchronized
    fun begin(isVisible: Boolean) {
        if (!isTold) tell(isVisible)
    }

    @Synchronized
    override fun onActivityStarted(activity: Activity) {
        isRecreating = false
        isThere(activity)
    }

    override fun onActivityResumed(activity: Activity): Unit = isThere(activity)

    // the first that is heard of an activity from before, whenever another one comes in front of it
    override fun onActivityPaused(activity: Activity): Unit = isThere(activity)

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
        isRecreating = false // what was made anew has finished before it started, and nothing follows
        changed()
    }

    @Synchronized
    private fun isThere(activity: Activity) {
        started += activity
        changed()
    }

    private fun changed() {
        isTold = true
        tell(started.isNotEmpty() || isRecreating)
    }
}

/** Whether this process is shown to the user, or is started to be. A service of its own in the foreground is not. */
internal fun isProcessVisible(): Boolean {
    val process = RunningAppProcessInfo()
    ActivityManager.getMyMemoryState(process)
    return process.importance == RunningAppProcessInfo.IMPORTANCE_FOREGROUND ||
        process.importance == RunningAppProcessInfo.IMPORTANCE_VISIBLE
}
