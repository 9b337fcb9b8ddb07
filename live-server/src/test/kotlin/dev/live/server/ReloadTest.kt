package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** Reload of an application in a running engine, as auto-reload does in development mode. */
class ReloadTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        test("on reload sessions receive a goodbye with a short reconnect window, on $engine") {
            withServer(engine, { endpoint() }) {
                val ann = PlainClient.connect(url())
                val bob = EventClient.open(this, "/live/sse?topic=t").apply { next() }

                withContext(Dispatchers.IO) { reload() }

                ann.next() shouldContain """"code":1012,"reason":"server restart","reconnectInMs":[0,1000]"""
                ann.closed().first shouldBe 1012
                bob.next().data shouldContain """"reconnectInMs":[0,1000]"""
                PlainClient.connect(url()).ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            }
        }
    }
})

private fun Application.endpoint() {
    install(Live)
    routing {
        live<Unit>("/live") {
            serverSentEvents()
            topic<Int>("t")
        }
    }
}
