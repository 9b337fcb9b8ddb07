package dev.live.samples.chat

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.LiveException
import dev.live.samples.shared.linesOf
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.io.BufferedReader
import java.io.FileDescriptor
import java.io.FileOutputStream
import java.io.PrintStream
import java.util.Locale
import kotlin.system.exitProcess
import kotlin.time.DurationUnit

/** A terminal chat that runs until the input ends or has the line `/quit`. See [TerminalOptions.USAGE]. */
fun main(args: Array<String>) {
    val options = TerminalOptions.parse(args)
    if (options == null) {
        System.err.println(TerminalOptions.USAGE)
        exitProcess(2)
    }
    val out = PrintStream(FileOutputStream(FileDescriptor.out), true, Charsets.UTF_8)
    val cause = runBlocking { Terminal(System.`in`.bufferedReader(), out).chat(options) }
    exitProcess(if (cause == DisconnectCause.ClosedByClient) 0 else 1)
}

/** Publishes every line of [input] to the room, and prints the messages of the room to [out]. */
class Terminal(private val input: BufferedReader, private val out: PrintStream) {
    /** Returns the cause when the client is closed. */
    suspend fun chat(options: TerminalOptions): DisconnectCause =
        coroutineScope {
            val live = LiveClient(options.url)
            try {
                val room = live.topic<Chat>(options.topic)
                launch { printingErrors { room.updates.collect { printLine(describe(it)) } } }
                launch {
                    for (line in linesOf(input)) {
                        if (line == "/quit") break
                        printingErrors { room.publish(Chat(line)) }
                    }
                    live.close()
                }
                live.state
                    .onEach { state -> describe(state)?.let(::printLine) }
                    .filterIsInstance<ConnectionState.Closed>()
                    .first()
                    .cause
            } finally {
                live.close()
                coroutineContext.cancelChildren()
            }
        }

    private suspend fun printingErrors(block: suspend () -> Unit) {
        try {
            block()
        } catch (_: ClientClosedException) {
            // reported by the state
        } catch (e: LiveException) {
            printLine("! ${e.reason}")
        }
    }

    private fun describe(update: TopicUpdate<Chat>): String =
        when (update) {
            is TopicUpdate.Received -> "${update.value.from}: ${update.value.text}"
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First, Recovery.Recovered -> "* connected"
                    Recovery.Gap -> "* connected; messages sent in the meantime may be missing"
                }
        }

    private fun describe(state: ConnectionState): String? =
        when (state) {
            is ConnectionState.Connecting, is ConnectionState.Connected -> null // reported by the topic update
            is ConnectionState.Waiting -> {
                val seconds = String.format(Locale.ROOT, "%.1f", state.delay.toDouble(DurationUnit.SECONDS))
                "* connection lost (${state.cause}), reconnecting in $seconds s"
            }
            is ConnectionState.Paused -> "* paused: ${state.cause}"
            is ConnectionState.Closed -> "* closed: ${state.cause}"
        }

    /** Replaces control characters, so that a message cannot move the cursor or imitate another user's line. */
    private fun printLine(line: String) {
        out.println(line.map { if (it.isISOControl()) ' ' else it }.joinToString(""))
        out.flush()
    }
}
