package dev.live.interop

import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocket
import java.nio.ByteBuffer
import java.util.concurrent.CompletionStage
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** A WebSocket that sends the frames of encoders and stores those of the server. */
internal class RawSocket(url: String, private val codec: String) : AutoCloseable {
    private val frames = LinkedBlockingQueue<ByteArray>()
    private val socket =
        http.newWebSocketBuilder().subprotocols(
            "live.v1.$codec",
        ).buildAsync(URI(url), Listener()).get(1, TimeUnit.MINUTES)

    fun send(frame: ByteArray) {
        val sent = if (codec ==
            "json"
        ) {
            socket.sendText(frame.decodeToString(), true)
        } else {
            socket.sendBinary(ByteBuffer.wrap(frame), true)
        }
        sent.get(1, TimeUnit.MINUTES)
    }

    /** Waits for the next frame of the server. */
    fun next(): ByteArray = frames.poll(1, TimeUnit.MINUTES) ?: error("the server sent no frame within a minute")

    override fun close() = socket.abort()

    private inner class Listener : WebSocket.Listener {
        private val text = StringBuilder()
        private var binary = ByteArray(0)

        override fun onText(socket: WebSocket, data: CharSequence, last: Boolean): CompletionStage<*>? {
            text.append(data)
            if (last) {
                frames += text.toString().encodeToByteArray()
                text.clear()
            }
            socket.request(1)
            return null
        }

        override fun onBinary(socket: WebSocket, data: ByteBuffer, last: Boolean): CompletionStage<*>? {
            binary += ByteArray(data.remaining()).also(data::get)
            if (last) {
                frames += binary
                binary = ByteArray(0)
            }
            socket.request(1)
            return null
        }

        override fun onClose(socket: WebSocket, code: Int, reason: String): CompletionStage<*>? {
            frames += """{"type":"closed","topic":"$code $reason"}""".encodeToByteArray()
            return null
        }
    }

    private companion object {
        val http: HttpClient = HttpClient.newHttpClient()
    }
}
