package dev.live.server.transport

import dev.live.server.Live
import dev.live.server.live
import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.withServer
import dev.live.server.topic.ReadLoop
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldNotBeNull
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel

class PortableReadLoopTest : FunSpec({

    for (engine in listOf(Engine.Netty, Engine.PortableNetty)) {
        test("handlers run within a read loop that reports its end, on $engine") {
            val seen = Channel<ReadLoop?>(MESSAGES)
            withServer(
                engine,
                {
                    install(Live) { session { handlerDispatcher = Dispatchers.Unconfined } }
                    routing { live<Unit>("/live") { onMessage { seen.send(ReadLoop.current) } } }
                },
            ) {
                RawSocket.upgrade(port).use { client ->
                    // sequentially, because each may be read on another loop
                    repeat(MESSAGES) {
                        client.text("""{"type":"shout"}""")
                        seen.receive().shouldNotBeNull()
                    }
                }
            }
        }
    }
})

private const val MESSAGES = 32
