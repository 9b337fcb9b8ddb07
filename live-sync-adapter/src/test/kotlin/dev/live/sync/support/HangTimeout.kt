package dev.live.sync.support

import kotlin.time.Duration.Companion.minutes

/** Upper bound for waiting on a condition. Only a hang reaches it, even at a load average of 8. */
internal val HANG_TIMEOUT = 2.minutes
