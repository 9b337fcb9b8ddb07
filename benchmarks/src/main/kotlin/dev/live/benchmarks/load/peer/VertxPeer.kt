package dev.live.benchmarks.load.peer

import dev.live.benchmarks.load.server.announce
import io.vertx.core.Future
import io.vertx.core.VerticleBase
import io.vertx.core.Vertx
import io.vertx.core.http.HttpServerOptions
import io.vertx.core.http.ServerWebSocket

/** The plain protocol on Vert.x: one verticle, therefore one event loop without synchronization. */
internal fun runVertxPeer(host: String, port: Int) {
    Vertx.vertx().deployVerticle(VertxPeer(host, port)).toCompletionStage().toCompletableFuture().join()
    announce(host, port)
}

/** Only accessed by its event loop. */
private class VertxPeer(private val host: String, private val port: Int) : VerticleBase() {
    private val rooms = HashMap<String, ArrayList<ServerWebSocket>>()

    override fun start(): Future<*> =
        vertx
            .createHttpServer(HttpServerOptions().setAcceptBacklog(BACKLOG))
            .webSocketHandler(::serve)
            .listen(port, host)

    private fun serve(socket: ServerWebSocket) {
        val joined = ArrayList<String>()
        socket.textMessageHandler { text ->
            val rest = text.substring(2)
            when (text[0]) {
                'S' -> {
                    rooms.getOrPut(rest) { ArrayList() } += socket
                    joined += rest
                    socket.writeTextMessage("A $rest")
                }
                'P' -> publish(rest.substringBefore(' '), rest.substringAfter(' '))
                'E' -> socket.writeTextMessage(rest)
            }
        }
        socket.closeHandler { for (topic in joined) rooms[topic]?.remove(socket) }
    }

    private fun publish(topic: String, payload: String) {
        val room = rooms[topic] ?: return
        for (i in room.indices) room[i].writeTextMessage(payload)
    }

    private companion object {
        const val BACKLOG = 4096
    }
}
