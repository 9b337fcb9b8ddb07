package dev.live.samples.notifications

import dev.live.samples.shared.serve
import io.ktor.server.application.Application

/** Serves the notifications on the port in `PORT`, 8080 by default. */
fun main(): Unit = serve("notifications", Application::notifications)
