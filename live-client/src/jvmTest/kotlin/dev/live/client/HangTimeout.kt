package dev.live.client

import kotlin.time.Duration.Companion.minutes

/** Timeout of a wait for a condition. Only a hang reaches it, even on a machine with a load of 8. */
internal val HANG_TIMEOUT = 2.minutes
