package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import java.util.concurrent.RejectedExecutionException
import kotlin.coroutines.CoroutineContext

/** A dispatcher of the application that rejects handlers. Further tests are in [BlockingHandlersTest]. */
class RejectedHandlersTest : FunSpec({

    test("a rejected authentication ends the connection with 1013, so that the client keeps its token") {
        val dispatcher = SwitchedDispatcher(rejects = true)
        withServer(module = {
            handlersOn(dispatcher)
            routing { live<String>("/live") { authenticateByMessage { it } } }
        }) {
            CapturedLogs("dev.live").use { logs ->
                val client = PlainClient.connect(url())

                client.ask("""{"type":"auth","ref":"1","data":{"token":"ann"}}""") shouldContain
                    "handlers are not available"

                client.next() shouldBe GOODBYE
                client.closed() shouldBe (1013 to "handlers are not available")
                logs.messages.single() shouldStartWith "The dispatcher of the handlers rejected a task."
            }
        }
    }

    test("a rejected onOpen closes the session with 1013 as its goodbye announces, and logs one line") {
        val dispatcher = SwitchedDispatcher(rejects = true)
        withServer(module = {
            handlersOn(dispatcher)
            routing {
                live<Unit>("/live") {
                    onOpen { }
                    onClose { }
                }
            }
        }) {
            CapturedLogs("dev.live").use { logs ->
                val client = PlainClient.connect(url())

                client.next() shouldBe GOODBYE
                client.closed() shouldBe (1013 to "handlers are not available")
                eventually(HANG_TIMEOUT) { application.live.sessions.shouldBeEmpty() }
                logs.messages.single() shouldContain "The dispatcher of the handlers rejected a task. Session"
            }
        }
    }

    test("the hooks at the end of a rejected session log no further line") {
        val dispatcher = SwitchedDispatcher(rejects = false)
        withServer(module = {
            handlersOn(dispatcher)
            routing {
                live<Unit>("/live") {
                    onClose { }
                    topic<Int>("room/{room}") { onUnsubscribe { } }
                    request<Int, Int>("echo") { it }
                }
            }
        }) {
            CapturedLogs("dev.live").use { logs ->
                val client = PlainClient.connect(url())
                client.ask("""{"type":"subscribe","topic":"room/1"}""") shouldContain "ack"
                dispatcher.rejects = true
                client.send("""{"type":"echo","ref":"1","data":1}""")

                client.closed().first shouldBe 1013
                eventually(HANG_TIMEOUT) { application.live.sessions.shouldBeEmpty() }
                logs.messages.single() shouldContain "The dispatcher of the handlers rejected a task. Session"
            }
        }
    }
})

private const val GOODBYE =
    """{"type":"goodbye","data":{"code":1013,"reason":"handlers are not available","reconnectInMs":[5000,10000]}}"""

private fun Application.handlersOn(dispatcher: CoroutineDispatcher) {
    install(Live) { session { handlerDispatcher = dispatcher } }
}

private class SwitchedDispatcher(
    @Volatile var rejects: Boolean,
) : CoroutineDispatcher() {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        if (rejects) throw RejectedExecutionException("full")
        Dispatchers.IO.dispatch(context, block)
    }
}
