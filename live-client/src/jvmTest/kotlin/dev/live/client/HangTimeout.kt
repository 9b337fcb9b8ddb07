package dev.live.client

import kotlin.time.Duration.Companion.minutes

/** The bound of a wait for a condition. Only a hang reaches it, also on a machine with a load of 8. */
internal val HANG_TIMEOUT = 2.minutes
