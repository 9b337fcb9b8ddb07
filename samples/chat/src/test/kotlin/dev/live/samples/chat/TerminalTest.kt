package dev.live.samples.chat

import dev.live.client.connection.DisconnectCause
import dev.live.server.live
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.ktor.server.application.Application
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import java.io.ByteArrayOutputStream
import java.io.PipedReader
import java.io.PipedWriter
import java.io.PrintStream
import kotlin.time.Duration.Companion.minutes

/** Tests both terminal clients on real sockets. */
class TerminalTest : FunSpec({

    for (language in Language.entries) {
        context("in $language") {
            test("it publishes input lines, prints messages, and closes on /quit") {
                withServer { application, url ->
                    val bob = Person(language, options("Bob Zoë", url))
                    val ended = async(Dispatchers.IO) { bob.chat() }
                    eventually(2.minutes) { application.live.topic("room/lobby").subscribers shouldBe 1 }

                    bob.type("hello")
                    bob.type("")
                    eventually(2.minutes) {
                        bob.printed() shouldContainExactly
                            listOf("* connected", "Bob Zoë: hello", "! text is empty")
                    }
                    bob.type("/quit")

                    ended.await() shouldBe DisconnectCause.ClosedByClient
                    bob.printed().last() shouldBe "* closed: the application closed the client"
                }
            }

            test("it closes at the end of the input") {
                withServer { application, url ->
                    val bob = Person(language, options("Bob", url))
                    val ended = async(Dispatchers.IO) { bob.chat() }

                    bob.hangUp()

                    ended.await() shouldBe DisconnectCause.ClosedByClient
                    eventually(2.minutes) { application.live.sessions.size shouldBe 0 }
                }
            }

            test("it prints the reason when it is kicked") {
                withServer { application, url ->
                    val bob = Person(language, options("Bob", url))
                    val ended: Deferred<DisconnectCause> = async(Dispatchers.IO) { bob.chat() }
                    eventually(2.minutes) { bob.printed() shouldContain "* connected" }
                    eventually(2.minutes) { application.live.sessions.size shouldBe 1 }

                    application.live.sessions.single().kick("enough")

                    ended.await() shouldNotBe DisconnectCause.ClosedByClient
                    bob.printed().last() shouldBe "* closed: the server closed with 4403 (enough)"
                }
            }
        }
    }

    test("missing, unknown and incomplete arguments are rejected") {
        for (line in listOf("", "--name Ann", "--room lobby", "--name Ann --room", "--name Ann --room a --loud yes")) {
            TerminalOptions.parse(line.split(' ').filter { it.isNotEmpty() }.toTypedArray()).shouldBeNull()
        }
    }

    test("the name is sent in the query") {
        val options = TerminalOptions.parse(arrayOf("--room", "lobby", "--name", "Ann & Bü"))

        options?.url shouldBe "ws://localhost:8080/live?name=Ann%20%26%20B%C3%BC"
        options?.topic shouldBe "room/lobby"
    }
})

private enum class Language { Kotlin, Java }

/** A user of a terminal client. */
private class Person(private val language: Language, private val options: TerminalOptions) {
    private val keyboard = PipedWriter()
    private val input = PipedReader(keyboard).buffered()
    private val screen = ByteArrayOutputStream()
    private val out = PrintStream(screen, false, Charsets.UTF_8)

    suspend fun chat(): DisconnectCause =
        when (language) {
            Language.Kotlin -> Terminal(input, out).chat(options)
            Language.Java -> JavaTerminal(input, out).chat(options)
        }

    fun type(line: String) {
        keyboard.write("$line\n")
        keyboard.flush()
    }

    fun hangUp(): Unit = keyboard.close()

    fun printed(): List<String> = screen.toString(Charsets.UTF_8).lines().filter { it.isNotEmpty() }
}

private fun options(name: String, url: String) =
    checkNotNull(TerminalOptions.parse(arrayOf("--name", name, "--room", "lobby", "--url", url)))

private suspend fun withServer(block: suspend CoroutineScope.(Application, String) -> Unit) {
    val server = embeddedServer(Netty, port = 0, host = "127.0.0.1") { chat() }.start(wait = false)
    try {
        val port = server.engine.resolvedConnectors().single().port
        coroutineScope { block(server.application, "ws://127.0.0.1:$port/live") }
    } finally {
        server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
    }
}
