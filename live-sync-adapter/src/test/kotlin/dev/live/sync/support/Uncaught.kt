package dev.live.sync.support

import kotlinx.coroutines.test.runTest

/** For Java tests with intentionally uncaught exceptions. */
public object Uncaught {
    /** Clears the exceptions that kotlinx-coroutines-test would report in the next test with virtual time. */
    @JvmStatic
    public fun forget() {
        try {
            runTest {}
        } catch (_: IllegalStateException) {
            // reports the uncaught exceptions
        }
    }
}
