package dev.live.samples.proxies

import dev.live.samples.shared.serve
import io.ktor.server.application.Application

/** Serves the page on the port in `PORT`, 8080 by default. */
fun main(): Unit = serve("proxies", Application::behindProxy)
