package dev.live.client.android

import android.app.Application
import dev.live.client.connection.AppLifecycle
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.distinctUntilChanged

/**
 * Reports whether the application is in the foreground: at least one of its activities is started. A partly covered
 * activity counts as started.
 *
 * ```
 * LiveClient("wss://example.com/live") {
 *     lifecycle = AndroidAppLifecycle(application)
 *     backgroundGrace = 30.seconds
 * }
 * ```
 *
 * The recreation of an activity after a configuration change, such as a screen rotation, does not count as background.
 * Services do not count: set no `lifecycle` for a client that must stay connected during a foreground service. The
 * state is per process. Each collector registers its own callbacks, which run on the main thread, and unregisters them
 * when it ends.
 */
public class AndroidAppLifecycle(private val application: Application) : AppLifecycle {
    /**
     * Emits the current state immediately, then each change.
     *
     * Activities that started before the collection are not known. The initial state is therefore an estimate from the
     * importance of this process, which the first activity callback replaces. A process that is being started for a
     * visible activity counts as foreground.
     */
    override fun foreground(): Flow<Boolean> =
        channelFlow {
            val tracker = ActivityTracker { trySend(it) }
            application.registerActivityLifecycleCallbacks(tracker)
            try {
                tracker.begin(isProcessVisible())
                awaitCancellation()
            } finally {
                application.unregisterActivityLifecycleCallbacks(tracker)
            }
        }.conflate().distinctUntilChanged()
}
