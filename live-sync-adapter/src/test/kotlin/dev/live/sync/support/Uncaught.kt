package dev.live.sync.support

import kotlinx.coroutines.test.runTest

/** For tests in Java that let exceptions go uncaught on purpose. */
public object Uncaught {
    /** Takes them from kotlinx-coroutines-test, which would report them to the next test in virtual time. */
    @JvmStatic
    public fun forget() {
        try {
            runTest {}
        } catch (_: IllegalStateException) {
            // it has told of them
        }
    }
}
