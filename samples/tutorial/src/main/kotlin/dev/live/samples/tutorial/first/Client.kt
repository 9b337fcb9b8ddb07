package dev.live.samples.tutorial.first

import dev.live.client.LiveClient
import dev.live.protocol.LiveException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

fun main(args: Array<String>): Unit = runBlocking {
    val (name, room) = args
    val live = LiveClient("ws://localhost:8080/live?name=$name")
    val status = launch { live.state.collect { println("* $it") } }
    chat(live, room, typedLines()) { println(it) }
    live.close()
    status.cancel()
}

/** Shows the messages of [room] and publishes each of [lines], until there are no more. */
suspend fun chat(live: LiveClient, room: String, lines: Flow<String>, show: (String) -> Unit): Unit =
    coroutineScope {
        val topic = live.topic<Chat>("room/$room")
        val receiving = launch { topic.messages.collect { show("${it.from}: ${it.text}") } }
        lines.collect { line ->
            try {
                topic.publish(Chat(line)) // returns after the server's ack
            } catch (e: LiveException) {
                show("* not sent: ${e.reason}")
            }
        }
        receiving.cancel()
    }

/** The lines of the terminal, read on a thread that may block. */
fun typedLines(): Flow<String> = generateSequence(::readlnOrNull).asFlow().flowOn(Dispatchers.IO)
