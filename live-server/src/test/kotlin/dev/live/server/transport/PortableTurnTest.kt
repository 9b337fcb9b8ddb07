package dev.live.server.transport

import dev.live.server.Live
import dev.live.server.live
import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.withServer
import dev.live.server.topic.Turn
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldNotBeNull
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers

class PortableTurnTest : FunSpec({

    for (engine in listOf(Engine.Netty, Engine.PortableNetty)) {
        test("the fan-out knows when a turn of the loop ends that reads a client's messages, on $engine") {
            val seen = CompletableDeferred<Turn?>()
            withServer(
                engine,
                {
                    install(Live) { session { handlerDispatcher = Dispatchers.Unconfined } }
                    routing { live<Unit>("/live") { onMessage { seen.complete(Turn.current) } } }
                },
            ) {
                RawSocket.upgrade(port).use { client ->
                    client.text("""{"type":"shout"}""")

                    seen.await().shouldNotBeNull()
                }
            }
        }
    }
})
