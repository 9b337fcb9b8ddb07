package dev.live.docs.operations

import dev.live.server.Live
import io.ktor.server.application.Application
import io.ktor.server.application.install

// The code of docs/configuration.md.

internal fun Application.configured() {
    install(Live) {
        session { queueCapacity = 256 } // overrides the file
        // session.writeTimeout is not set here, so the file can set it
    }
}
