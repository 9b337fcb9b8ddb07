package dev.live.test

import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Looks at [condition] every few milliseconds, for there is nothing that would say that it has changed. */
internal suspend fun awaitUntil(what: String, timeout: Duration, condition: () -> Boolean) {
    withTimeoutOrNull(timeout) {
        while (!condition()) delay(LOOK_EVERY)
    } ?: throw AssertionError("not within $timeout: $what")
}

private val LOOK_EVERY = 5.milliseconds
