package dev.live.docs

import dev.live.netty.liveEventLoops
import io.ktor.server.application.Application
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.EngineMain
import io.ktor.server.netty.Netty

/** The code of docs/production.md. */
internal fun start() {
    embeddedServer(Netty, configure = {
        connector { port = 8080 }
        liveEventLoops()
    }) { module() }.start(wait = true)
}

private object WithEngineMain {
    fun main(args: Array<String>) {
        EngineMain.createServer(args).apply { engineConfig.liveEventLoops() }.start(wait = true)
    }
}

private fun Application.module() = Unit
