package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.endpoint.SessionScope
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds

/** Tests interceptors, which run between a session's messages and their handlers, over a real socket. */
class InterceptTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine an interceptor sees every message and passes it to the handler") {
            val seen = CopyOnWriteArrayList<String>()
            withServer(engine, {
                endpoint {
                    intercept { message, next ->
                        seen += message.type
                        next(message)
                    }
                }
            }) {
                val client = PlainClient.connect(url())

                client.ask(SUBSCRIBE) shouldBe """{"type":"ack","topic":"t","ref":"s"}"""
                client.ask("""{"type":"publish","topic":"t","data":1}""") shouldBe
                    """{"type":"message","topic":"t","data":1}"""
                client.ask("""{"type":"double","data":4,"ref":"r"}""") shouldBe
                    """{"type":"reply","ref":"r","data":8}"""
                client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                seen shouldContainExactly listOf("subscribe", "publish", "double")
            }
        }
    }

    test("an interceptor may replace a message") {
        withServer(module = {
            endpoint {
                intercept { message, next -> next(Message("double", ref = message.ref, body = Body.json("21"))) }
            }
        }) {
            PlainClient.connect(url()).ask("""{"type":"anything","ref":"r"}""") shouldBe
                """{"type":"reply","ref":"r","data":42}"""
        }
    }

    test("a message that an interceptor replaces by a ping is answered like a ping") {
        withServer(module = { endpoint { intercept { message, next -> next(Message("ping", ref = message.ref)) } } }) {
            PlainClient.connect(url()).ask("""{"type":"anything","ref":"r"}""") shouldBe """{"type":"pong","ref":"r"}"""
        }
    }

    test("a reply without a request of the server is intercepted before onMessage receives it") {
        val seen = CopyOnWriteArrayList<String>()
        withServer(module = {
            endpoint {
                intercept { message, next ->
                    seen += message.type
                    next(message)
                }
                onMessage { session.send(Message("received")) }
            }
        }) {
            PlainClient.connect(url()).ask("""{"type":"reply","ref":"r"}""") shouldBe """{"type":"received"}"""

            seen shouldContainExactly listOf("reply")
        }
    }

    test("a message rejected by an interceptor receives an error with the reason and is not handled") {
        withServer(module = {
            endpoint {
                intercept { message, next ->
                    if (message.type == MessageType.PUBLISH) reject("read only", ErrorCode.Forbidden)
                    next(message)
                }
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)

            client.ask("""{"type":"publish","topic":"t","data":1,"ref":"p"}""") shouldBe
                """{"type":"error","topic":"t","ref":"p","data":{"code":"forbidden","reason":"read only"}}"""
            client.ask("""{"type":"double","data":4,"ref":"r"}""") shouldContain "8"
        }
    }

    test("a message that is not passed on is neither handled nor replied to") {
        withServer(module = {
            endpoint { intercept { message, next -> if (message.type != "double") next(message) } }
        }) {
            val client = PlainClient.connect(url())

            client.send("""{"type":"double","data":4,"ref":"r"}""")

            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    test("an interceptor may observe and replace the error of a handler") {
        withServer(module = {
            endpoint {
                intercept { message, next ->
                    try {
                        next(message)
                    } catch (e: LiveException) {
                        reject("rejected: ${e.reason}", ErrorCode.Forbidden)
                    }
                }
            }
        }) {
            PlainClient.connect(url()).ask("""{"type":"no","data":1,"ref":"r"}""") shouldBe
                """{"type":"error","ref":"r","data":{"code":"forbidden","reason":"rejected: never"}}"""
        }
    }

    test("handlers may run on another thread within an interceptor, and their failures are unchanged") {
        withServer(module = {
            endpoint { intercept { message, next -> withContext(Dispatchers.Default) { next(message) } } }
        }) {
            val client = PlainClient.connect(url())

            client.ask("""{"type":"no","data":1,"ref":"r"}""") shouldContain """"code":"bad_payload","reason":"never""""
            client.ask("""{"type":"boom","data":1,"ref":"r"}""") shouldContain """"code":"internal""""
            client.ask("""{"type":"stuck","data":1,"ref":"r"}""") shouldContain
                """"code":"timeout","reason":"the handler took longer than 300ms""""
            client.ask("""{"type":"double","data":"x","ref":"r"}""") shouldContain """"code":"bad_payload""""
            client.ask("""{"type":"double","data":4,"ref":"r"}""") shouldContain "8"
        }
    }

    test("an interceptor that fails or times out causes an error reply, and the session continues") {
        withServer(module = {
            endpoint {
                intercept { message, next ->
                    when (message.type) {
                        "fail" -> error("secret")
                        "hang" -> awaitCancellation()
                        else -> next(message)
                    }
                }
            }
        }) {
            val client = PlainClient.connect(url())

            client.ask("""{"type":"fail","ref":"r"}""") shouldStartWith
                """{"type":"error","ref":"r","data":{"code":"internal","reason":"internal error, log id """
            client.ask("""{"type":"hang","ref":"r"}""") shouldContain """"code":"timeout""""
            client.ask("""{"type":"double","data":4,"ref":"r"}""") shouldContain "8"
        }
    }

    test("calling next twice, or after the interceptor returned, throws") {
        val late = CompletableDeferred<suspend () -> Unit>()
        val twice = CompletableDeferred<Throwable>()
        withServer(module = {
            endpoint {
                intercept { message, next ->
                    if (message.type == MessageType.PUBLISH) {
                        late.complete { next(message) }
                        return@intercept
                    }
                    next(message)
                    try {
                        next(message)
                    } catch (e: IllegalStateException) {
                        twice.complete(e)
                    }
                }
            }
        }) {
            val client = PlainClient.connect(url())

            client.ask(SUBSCRIBE)
            client.send("""{"type":"publish","topic":"t","data":1}""")
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""

            withTimeout(HANG_TIMEOUT) { twice.await() }.message shouldBe
                "next was called twice, or after the interceptor returned"
            shouldThrow<IllegalStateException> { late.await()() }
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    test("a message that an interceptor replaces by an auth renews the token") {
        val tokens = CopyOnWriteArrayList<String>()
        withServer(module = {
            renewing({ tokens += it }) { message, next -> next(Message("auth", ref = message.ref, body = TOKEN)) }
        }) {
            val client = PlainClient.connect(url())

            client.ask(AUTH) shouldBe """{"type":"ack","ref":"a"}"""
            client.ask("""{"type":"anything","ref":"r"}""") shouldBe """{"type":"ack","ref":"r"}"""
            tokens shouldContainExactly listOf("ann", "ann")
        }
    }

    test("an interceptor cannot hide that the check of its own auth message took too long") {
        val tokens = CopyOnWriteArrayList<String>()
        val verify: suspend (String) -> Unit = { if (!tokens.addIfAbsent(it)) awaitCancellation() }
        withServer(module = {
            renewing(verify) { message, next ->
                try {
                    next(Message("auth", ref = message.ref, body = TOKEN))
                } catch (_: LiveException) {
                    // such as the interceptor of an application that ignores errors
                }
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask(AUTH) shouldBe """{"type":"ack","ref":"a"}"""

            client.ask("""{"type":"anything","ref":"r"}""") shouldContain "the handler took longer than 300ms"
        }
    }

    test("the check of an auth message that bypasses the interceptor has the time limit of handlers") {
        val tokens = CopyOnWriteArrayList<String>()
        val verify: suspend (String) -> Unit = { if (!tokens.addIfAbsent(it)) awaitCancellation() }
        withServer(module = { renewing(verify) { message, next -> next(message) } }) {
            val client = PlainClient.connect(url())
            client.ask(AUTH) shouldBe """{"type":"ack","ref":"a"}"""

            client.ask(AUTH) shouldContain "the handler took longer than 300ms"
        }
    }

    test("auth messages bypass the interceptor") {
        val seen = CopyOnWriteArrayList<String>()
        withServer(module = {
            install(Live)
            routing {
                live<String>("/live") {
                    authenticateByMessage { it }
                    intercept { message, next ->
                        seen += message.type
                        next(message)
                    }
                    onMessage { session.send(Message("late")) }
                }
            }
        }) {
            val client = PlainClient.connect(url())

            client.ask("""{"type":"auth","data":{"token":"ann"},"ref":"a"}""") shouldBe """{"type":"ack","ref":"a"}"""
            client.ask("""{"type":"auth","data":{"token":"ann"},"ref":"b"}""") shouldBe """{"type":"ack","ref":"b"}"""
            client.ask("""{"type":"x"}""") shouldBe """{"type":"late"}"""

            seen shouldContainExactly listOf("x")
        }
    }
})

private val TOKEN = Body.json("""{"token":"ann"}""")

private const val AUTH = """{"type":"auth","data":{"token":"ann"},"ref":"a"}"""

/** An endpoint whose clients authenticate by message; [verify] sees each token. */
private fun Application.renewing(
    verify: suspend (String) -> Unit,
    interceptor: suspend SessionScope<String>.(Message, suspend (Message) -> Unit) -> Unit,
) {
    install(Live) { session { handlerTimeout = 300.milliseconds } }
    routing {
        live<String>("/live") {
            authenticateByMessage {
                verify(it)
                it
            }
            intercept(interceptor)
        }
    }
}

private const val SUBSCRIBE = """{"type":"subscribe","topic":"t","ref":"s"}"""

private fun Application.endpoint(configure: LiveEndpoint<Unit>.() -> Unit) {
    install(Live) { session { handlerTimeout = 300.milliseconds } }
    routing {
        live<Unit>("/live") {
            rawTopic("t")
            request<Int, Int>("double") { it * 2 }
            request<Int, Int>("no") { reject("never") }
            request<Int, Int>("boom") { error("boom") }
            request<Int, Int>("stuck") { awaitCancellation() }
            configure()
        }
    }
}
