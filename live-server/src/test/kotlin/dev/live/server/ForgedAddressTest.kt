package dev.live.server

import dev.live.server.support.AppendingProxy
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.askForUpgrade
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.plugins.forwardedheaders.XForwardedHeaders
import io.ktor.server.plugins.forwardedheaders.XForwardedHeadersConfig
import io.ktor.server.routing.routing

/** Addresses of clients behind a proxy that appends to `X-Forwarded-For` what it sees, as nginx and others do. */
class ForgedAddressTest : FunSpec({

    for (engine in Engine.entries) {
        test("a client cannot choose its address where the last proxy's word counts, on $engine") {
            withServer(engine, { limited { useLastProxy() } }) {
                AppendingProxy(port).use { proxy ->
                    val first = PlainClient.connect("ws://127.0.0.1:${proxy.port}/live")
                    first.ask(PING) shouldContain "pong" // the upgrade is answered before there is a session

                    application.live.sessions.single().remoteAddress shouldBe AppendingProxy.SEEN
                    for (forged in listOf("203.0.113.1", "203.0.113.2, 203.0.113.3", "")) {
                        askForUpgrade(proxy.port, "/live", "X-Forwarded-For" to forged).status shouldBe 429
                    }
                    first.close()
                }
            }
        }
    }

    test("a client cannot choose its address where known proxies are skipped") {
        withServer(Engine.Netty, { limited { skipKnownProxies(listOf("10.0.0.7")) } }) {
            AppendingProxy(port, seen = "${AppendingProxy.SEEN}, 10.0.0.7").use { proxy ->
                val first = PlainClient.connect("ws://127.0.0.1:${proxy.port}/live")
                first.ask(PING) shouldContain "pong"

                askForUpgrade(proxy.port, "/live", "X-Forwarded-For" to "203.0.113.1").status shouldBe 429
                application.live.sessions.single().remoteAddress shouldBe AppendingProxy.SEEN
                first.close()
            }
        }
    }

    test("as Ktor 3.5.1 installs it, XForwardedHeaders takes the first value, which the client wrote") {
        withServer(Engine.Netty, { limited {} }) {
            AppendingProxy(port).use { proxy ->
                val first = PlainClient.connect("ws://127.0.0.1:${proxy.port}/live")

                // why docs/limits.md asks for one of the settings above: red when Ktor changes its default
                askForUpgrade(proxy.port, "/live", "X-Forwarded-For" to "203.0.113.1").status shouldBe 101
                first.close()
            }
        }
    }
})

private const val PING = """{"type":"ping"}"""

private fun Application.limited(proxies: XForwardedHeadersConfig.() -> Unit) {
    install(XForwardedHeaders, proxies)
    install(Live) { limits { maxConnectionsPerAddress = 1 } }
    routing { live<Unit>("/live") }
}
