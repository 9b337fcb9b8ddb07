package dev.live.benchmarks.server

import dev.live.server.LiveConfig
import dev.live.server.transport.Transport

/** Applies `--transport`. */
internal fun LiveConfig.configure(choice: TransportChoice) {
    transport =
        when (choice) {
            TransportChoice.AUTO -> Transport.Auto
            TransportChoice.PORTABLE -> Transport.Portable
        }
}
