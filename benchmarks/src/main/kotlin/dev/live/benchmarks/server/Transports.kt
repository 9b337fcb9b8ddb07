package dev.live.benchmarks.server

import dev.live.server.LiveConfig

/**
 * Applies `--transport`. There is one transport so far, so [choice] has nothing to switch; this is the place where it will.
 */
internal fun LiveConfig.configure(choice: TransportChoice): LiveConfig =
    when (choice) {
        TransportChoice.AUTO -> this
        TransportChoice.PORTABLE -> this
    }
