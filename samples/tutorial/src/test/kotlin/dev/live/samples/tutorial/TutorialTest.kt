package dev.live.samples.tutorial

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.samples.tutorial.presence.showMembers
import dev.live.samples.tutorial.tokens.Tokens
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.Application
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.consumeAsFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import dev.live.samples.tutorial.first.Chat as FirstChat
import dev.live.samples.tutorial.first.chat as firstChat
import dev.live.samples.tutorial.history.Chat as HistoryChat
import dev.live.samples.tutorial.history.chat as historyChat
import dev.live.samples.tutorial.presence.chat as presenceChat

/** The typed lines and the shown lines of one person's program. */
private class Terminal(private val test: LiveTest) {
    private val typed = Channel<String>(Channel.UNLIMITED)
    private val shown = Channel<String>(Channel.UNLIMITED)

    val lines: Flow<String> = typed.consumeAsFlow()

    fun show(line: String) {
        shown.trySend(line)
    }

    fun type(line: String) {
        typed.trySend(line)
    }

    fun end() {
        typed.close()
    }

    suspend fun next(): String = withTimeout(test.timeout) { shown.receive() }
}

class TutorialTest : FunSpec({

    test("step 2: two clients see each other's messages, with the name that the server adds") {
        testLive(Application::firstChat) {
            val ann = connect("/live?name=Ann")
            val bob = Terminal(this)
            val receivedByAnn = ann.received<FirstChat>("room/lobby")
            coroutineScope {
                launch { firstChat(connect("/live?name=Bob"), "lobby", bob.lines, bob::show) }

                bob.type("hello")

                receivedByAnn.next() shouldBe FirstChat("hello", from = "Bob")
                bob.next() shouldBe "Bob: hello"
                bob.end()
            }
        }
    }

    test("step 2: a text that is too long is not sent, and the program says why") {
        testLive(Application::firstChat) {
            val bob = Terminal(this)
            coroutineScope {
                launch { firstChat(connect("/live?name=Bob"), "lobby", bob.lines, bob::show) }

                bob.type("x".repeat(2_001))

                bob.next() shouldBe "* not sent: text is over 2000 characters"
                bob.end()
            }
        }
    }

    test("step 3: a client that cannot load the latest messages shows the reason and continues") {
        testLive(Application::firstChat) {
            // this server has no request for them
            val ann = Terminal(this)
            coroutineScope {
                launch { historyChat(connect("/live?name=Ann"), "lobby", ann.lines, ann::show) }

                ann.next() shouldStartWith "* no latest messages: "
                ann.type("x".repeat(2_001))

                ann.next() shouldBe "* not sent: text is over 2000 characters"
                ann.end()
            }
        }
    }

    test("step 3: a new client sees the latest messages, each once") {
        testLive(Application::historyChat) {
            val ann = connect("/live?name=Ann")
            val receivedByAnn = ann.received<HistoryChat>("room/lobby")
            ann.topic<HistoryChat>("room/lobby").publish(HistoryChat("before"))
            receivedByAnn.next()
            val bob = Terminal(this)
            coroutineScope {
                launch { historyChat(connect("/live?name=Bob"), "lobby", bob.lines, bob::show) }
                bob.next() shouldBe "Ann: before"

                ann.topic<HistoryChat>("room/lobby").publish(HistoryChat("after"))

                bob.next() shouldBe "Ann: after"
                bob.end()
            }
        }
    }

    test("step 4: the members of a room are shown as they change") {
        testLive(Application::presenceChat) {
            val bob = Terminal(this)
            coroutineScope {
                val members = launch { showMembers(connect("/live?name=Bob"), "lobby", bob::show) }
                bob.awaitLine("* here: Bob")

                val ann = connect("/live?name=Ann")
                ann.received<HistoryChat>("room/lobby")
                bob.awaitLine("* here: Ann, Bob")

                ann.close()
                bob.awaitLine("* here: Bob")
                members.cancel()
            }
        }
    }

    test("step 5: a valid token names its user, and any other token is rejected") {
        val tokens = Tokens("secret")

        tokens.verify(tokens.issue("ann"))!!.name shouldBe "ann"
        tokens.verify(Tokens("another secret").issue("ann")) shouldBe null
        tokens.verify("no token") shouldBe null
    }
})

private suspend fun Terminal.awaitLine(line: String) {
    while (next() != line) continue
}
