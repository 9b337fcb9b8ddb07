package dev.live.docs.operations

import dev.live.server.Live
import io.ktor.server.application.Application
import io.ktor.server.application.install

// What docs/configuration.md shows.

internal fun Application.configured() {
    install(Live) {
        session { queueCapacity = 256 } // whatever the file says
        // session.writeTimeout is not set here: the file may say it
    }
}
