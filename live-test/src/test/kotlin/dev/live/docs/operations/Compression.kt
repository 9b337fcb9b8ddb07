package dev.live.docs.operations

import dev.live.server.Live
import io.ktor.server.application.Application
import io.ktor.server.application.install

// The code of docs/production.md.

internal fun Application.compressing() {
    install(Live) {
        compression {
            enabled = true
            minBytes = 512 // smaller messages are sent as they are
            level = 1 // 1 is the fastest, 9 makes messages smallest
        }
    }
}
