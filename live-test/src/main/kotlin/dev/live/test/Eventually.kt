package dev.live.test

import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Polls [condition] until it is true. Nothing signals a change of the condition, so polling is necessary. */
internal suspend fun awaitUntil(description: String, timeout: Duration, condition: () -> Boolean) {
    withTimeoutOrNull(timeout) {
        while (!condition()) delay(POLL_INTERVAL)
    } ?: throw AssertionError("condition not met within $timeout: $description")
}

private val POLL_INTERVAL = 5.milliseconds
