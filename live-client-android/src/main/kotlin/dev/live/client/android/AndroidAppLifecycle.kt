package dev.live.client.android

import android.app.Application
import dev.live.client.connection.AppLifecycle
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.distinctUntilChanged

/**
 * Tells a client whether its application is in the foreground: whether one of its activities is started, which is also one
 * that is only partly covered.
 *
 * ```
 * LiveClient("wss://example.com/live") {
 *     lifecycle = AndroidAppLifecycle(application)
 *     backgroundGrace = 30.seconds
 * }
 * ```
 *
 * An activity that Android makes anew for a change of configuration, such as a turned screen, is no trip to the
 * background. Services do not count: a client that is to go on behind a foreground service has no lifecycle. Of
 * several processes, each has its own. Each collector registers one set of callbacks, called on the main thread and taken away when
 * the collector ends.
 */
public class AndroidAppLifecycle(private val application: Application) : AppLifecycle {
    /**
     * Whether the application is in the foreground, at once, and from now on whenever that changes.
     *
     * Activities that were started before can only be guessed, by asking Android how important this process is; the
     * first callback of an activity ends the guessing. At the start of a process that is for a visible activity,
     * that counts as foreground before there is one.
     */
    override fun foreground(): Flow<Boolean> =
        channelFlow {
            val watch = ActivityWatch { trySend(it) }
            application.registerActivityLifecycleCallbacks(watch)
            try {
                watch.begin(isProcessVisible())
                awaitCancellation()
            } finally {
                application.unregisterActivityLifecycleCallbacks(watch)
            }
        }.conflate().distinctUntilChanged()
}
