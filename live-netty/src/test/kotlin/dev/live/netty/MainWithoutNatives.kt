package dev.live.netty

import ch.qos.logback.classic.Level
import ch.qos.logback.classic.Logger
import kotlinx.coroutines.runBlocking
import org.slf4j.LoggerFactory

/** Starts a server, sends one request, prints the reply and ends. */
internal object MainWithoutNatives {
    @JvmStatic
    fun main(args: Array<String>) {
        (LoggerFactory.getLogger("dev.live.netty") as Logger).level = Level.INFO
        val server = server { liveEventLoops() }
        server.start(wait = false)
        val reply = runBlocking { server.request() }
        server.stop(gracePeriodMillis = 0, timeoutMillis = 2_000)
        println(reply)
    }
}
