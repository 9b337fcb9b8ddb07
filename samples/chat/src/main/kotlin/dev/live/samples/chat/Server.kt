package dev.live.samples.chat

import dev.live.samples.shared.serve
import io.ktor.server.application.Application

/** Serves the chat on the port in `PORT`, 8080 by default. */
fun main(): Unit = serve("chat", Application::chat)
