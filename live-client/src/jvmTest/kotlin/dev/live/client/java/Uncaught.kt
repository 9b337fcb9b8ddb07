package dev.live.client.java

import kotlinx.coroutines.test.runTest

/** For tests in Java with intentionally uncaught exceptions. */
public object Uncaught {
    /** Clears the exceptions in kotlinx-coroutines-test, which otherwise reports them in the next `runTest`. */
    @JvmStatic
    public fun clear() {
        try {
            runTest {}
        } catch (_: IllegalStateException) {
            // the expected report
        }
    }
}
