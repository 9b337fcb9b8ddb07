package dev.live.samples.dashboard

import dev.live.samples.shared.serve
import io.ktor.server.application.Application

/** Serves the dashboard on the port in `PORT`, 8080 by default. */
fun main(): Unit = serve("dashboard", Application::dashboard)
