package dev.live.samples.presence

import dev.live.samples.shared.serve
import io.ktor.server.application.Application

/** Serves the presence sample on the port in `PORT`, 8080 by default. */
fun main(): Unit = serve("presence", Application::whoIsHere)
