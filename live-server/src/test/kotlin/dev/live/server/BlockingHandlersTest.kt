package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.amount
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.kotest.property.Arb
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.SynchronousQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Handlers that block, with the default dispatcher on Netty. */
class BlockingHandlersTest : FunSpec({

    test("handlers run on threads of live, also after they were suspended") {
        val gate = CountDownLatch(0)
        withServer(module = { handlers(gate) }) {
            val client = PlainClient.connect(url())

            client.outcome("thread", 0) shouldStartWith "live-worker"
            client.outcome("suspend", 0) shouldStartWith "live-worker"
        }
    }

    test("while handlers of some sessions block, all messages of the others are handled") {
        val gate = CountDownLatch(1)
        withServer(module = { handlers(gate) }) {
            val blocked = List(5) { PlainClient.connect(url()) }
            for (client in blocked) client.send(request("block", 0))

            coroutineScope {
                List(20) {
                    async {
                        val client = PlainClient.connect(url())
                        repeat(50) { client.outcome("echo", it) shouldBe "$it" }
                    }
                }.awaitAll()
            }

            blocked.flatMap { it.drain() }.shouldBeEmpty()
            gate.countDown()
            for (client in blocked) client.next() shouldBe reply("0", "0")
        }
    }

    test("while all threads of handlers block, live's own work continues, and other handlers wait") {
        val gate = CountDownLatch(1)
        val settings = mapOf("live.session.handlerThreads" to "2", "live.heartbeat.interval" to "100ms")
        withServer(module = { handlers(gate) }, settings = settings) {
            val blocked = List(2) { PlainClient.connect(url()) }
            val others = List(40) { PlainClient.connect(url()) }
            val silent = withContext(Dispatchers.IO) { RawSocket.upgrade(port) }
            for (client in blocked) client.send(request("block", 0))

            val waiting = PlainClient.connect(url())
            waiting.send(request("echo", 7))
            for (client in others) client.ask("""{"type":"subscribe","topic":"room/1"}""") shouldContain "ack"
            repeat(20) { number ->
                others[number].send("""{"type":"publish","topic":"room/1","data":$number}""")
                for (client in others) client.next() shouldContain """"data":$number"""
            }
            others[0].ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            // heartbeats of the server are sent, and the pongs are read
            withContext(Dispatchers.IO) {
                repeat(8) {
                    silent.readFrame().first shouldBe 0x9
                    silent.frame(0xA, ByteArray(0))
                }
                silent.text("""{"type":"ping"}""")
                generateSequence { silent.readFrame() }.first { it.first == 0x1 }.second.decodeToString() shouldBe
                    """{"type":"pong"}"""
            }
            application.live.sessions.shouldHaveSize(44)

            waiting.drain().shouldBeEmpty()
            gate.countDown()
            waiting.next() shouldBe reply("7", "7")
        }
    }

    test("a handler that fails, times out or blocks does not prevent the next message of its session") {
        val gate = CountDownLatch(1)
        withServer(module = { handlers(gate, timeout = 200.milliseconds) }) {
            val client = PlainClient.connect(url())

            client.outcome("fail", 1) shouldContain "internal error"
            client.outcome("hang", 2) shouldContain "timeout"
            client.send(request("block", 3))
            client.send(request("echo", 4))
            gate.countDown()

            client.next() shouldBe reply("3", "3")
            client.next() shouldBe reply("4", "4")
        }
    }

    test("the end of a session cancels its suspended handler, and waits for one that blocks") {
        val gate = CountDownLatch(1)
        val cancelled = CompletableFuture<String>()
        withServer(module = { handlers(gate, cancelled = cancelled) }) {
            val suspended = PlainClient.connect(url())
            suspended.send(request("hang", 0))
            val blocked = PlainClient.connect(url())
            blocked.send(request("block", 0))
            eventually(HANG_TIMEOUT) { application.live.sessions.shouldHaveSize(2) }

            suspended.abort()
            blocked.abort()

            withContext(Dispatchers.IO) { cancelled.get() } shouldStartWith "live-worker"
            eventually(HANG_TIMEOUT) { application.live.sessions.shouldHaveSize(1) }
            PlainClient.connect(url()).outcome("echo", 1) shouldBe "1"
            gate.countDown()
            eventually(HANG_TIMEOUT) { application.live.sessions.shouldHaveSize(1) }
        }
    }

    test("a session that does not read its replies delays no other, and receives all of them in order later") {
        withServer(module = { handlers(CountDownLatch(0)) }) {
            val padding = "x".repeat(8_000)
            val count = 2_000
            withContext(Dispatchers.IO) {
                RawSocket.upgrade(port, receiveBuffer = 8_192).use { stalled ->
                    val sending = async {
                        for (i in 0 until count) {
                            stalled.write(
                                clientFrame(1, """{"type":"pad","ref":"$i","data":"$padding"}""".toByteArray()),
                            )
                        }
                    }
                    val client = PlainClient.connect(url())
                    repeat(100) { client.outcome("echo", it) shouldBe "$it" }

                    for (i in 0 until count) {
                        stalled.readFrame().second.decodeToString() shouldBe
                            """{"type":"reply","ref":"$i","data":"$padding"}"""
                    }
                    sending.await()
                }
            }
        }
    }

    for (engine in Engine.onAllLoops.filter { it.isFast }) {
        test("messages of each session are handled in order, whatever its handlers and others do, on $engine") {
            withServer(engine, { handlers(CountDownLatch(0)) }, mapOf("live.session.handlerThreads" to "6")) {
                checkAll(amount(quick = 3, thorough = 100), Arb.long()) { seed ->
                    val random = Random(seed)
                    coroutineScope {
                        List(random.nextInt(1, 25)) {
                            val kinds = List(60) { KINDS.random(random) }
                            val burst = random.nextInt(1, 20)
                            async {
                                val client = PlainClient.connect(url())
                                for (numbers in kinds.indices.chunked(burst)) {
                                    for (i in numbers) client.send(request(kinds[i], i))
                                    for (i in numbers) client.next() shouldContain """"ref":"$i""""
                                }
                                client.close()
                            }
                        }.awaitAll()
                    }
                }
            }
        }

        test("publishes of each session arrive in order while handlers subscribe, unsubscribe and block, on $engine") {
            withServer(engine, { handlers(CountDownLatch(0)) }, mapOf("live.session.handlerThreads" to "6")) {
                val publishers = 5
                val reader = PlainClient.connect(url())
                reader.ask("""{"type":"subscribe","topic":"busy/1"}""")
                coroutineScope {
                    val churn = List(40) {
                        async {
                            val client = PlainClient.connect(url())
                            repeat(20) {
                                client.send("""{"type":"subscribe","topic":"busy/1","ref":"s$it"}""")
                                client.skipTo(""""ref":"s$it"""")
                                client.send("""{"type":"unsubscribe","topic":"busy/1","ref":"u$it"}""")
                                client.skipTo(""""ref":"u$it"""")
                            }
                        }
                    }
                    val publishing = List(publishers) { publisher ->
                        async {
                            val client = PlainClient.connect(url())
                            repeat(PUBLISHES) {
                                client.ask(
                                    """{"type":"publish","topic":"busy/1","ref":"p","data":${publisher * 1_000 + it}}""",
                                ) shouldContain "ack"
                            }
                        }
                    }
                    val received = List(publishers * PUBLISHES) {
                        reader.next().substringAfter(""""data":""").substringBefore('}').toInt()
                    }
                    (churn + publishing).awaitAll()

                    for (publisher in 0 until publishers) {
                        received.filter { it / 1_000 == publisher } shouldContainExactly
                            List(PUBLISHES) { publisher * 1_000 + it }
                    }
                    eventually(HANG_TIMEOUT) { application.live.topic("busy/1").subscribers shouldBe 1 }
                }
            }
        }
    }

    test("the server stops while a handler blocks, and interrupts it; no thread of it is left") {
        val interrupted = CompletableFuture<Boolean>()
        withServer(
            module = { handlers(CountDownLatch(1), interrupted = interrupted) },
            settings = mapOf("live.drain.timeout" to "100ms"),
        ) {
            val client = PlainClient.connect(url())
            client.outcome("echo", 1) shouldBe "1"
            client.send(request("block", 0))
            PlainClient.connect(url()).outcome("echo", 2) shouldBe "2"

            stop()

            withContext(Dispatchers.IO) { interrupted.get() } shouldBe true
            eventually(HANG_TIMEOUT) { liveThreads().shouldBeEmpty() }
        }
    }

    test("the server stops while a handler blocks that ignores the interrupt; its thread ends with it") {
        val gate = CountDownLatch(1)
        withServer(module = { handlers(gate) }, settings = mapOf("live.drain.timeout" to "100ms")) {
            val client = PlainClient.connect(url())
            client.outcome("echo", 1) shouldBe "1"
            client.send(request("stubborn", 0))
            PlainClient.connect(url()).outcome("echo", 2) shouldBe "2"

            stop()
            client.closed()
            gate.countDown()

            eventually(HANG_TIMEOUT) { liveThreads().shouldBeEmpty() }
        }
    }

    test("an engine that a handler stops ends, and no thread is left") {
        val stopped = CompletableFuture<Unit>()
        var stopEngine = {}
        withServer(
            module = {
                handlers(CountDownLatch(0)) {
                    try {
                        stopEngine()
                    } finally {
                        stopped.complete(Unit)
                    }
                }
            },
            settings = mapOf("live.drain.timeout" to "100ms"),
        ) {
            stopEngine = { stop() }
            val client = PlainClient.connect(url())

            client.send(request("custom", 0))

            client.closed()
            withContext(Dispatchers.IO) { stopped.get() }
            eventually(HANG_TIMEOUT) { liveThreads().shouldBeEmpty() }
        }
    }

    context("a dispatcher of the application") {
        test("runs the handlers, and no thread of live is started") {
            val before = liveThreads() // of servers of other tests, which end after them
            val executor = Executors.newSingleThreadExecutor { Thread(it, "own") }
            executor.asCoroutineDispatcher().use { own ->
                withServer(module = { handlers(CountDownLatch(0), dispatcher = own) }) {
                    val client = PlainClient.connect(url())

                    client.outcome("thread", 0) shouldStartWith "own"
                    client.outcome("suspend", 0) shouldStartWith "own"
                    liveThreads().filterNot { it in before }.shouldBeEmpty()
                }
            }
        }

        test("that is full rejects a handler: only its session closes, with 1013 and one log line") {
            val gate = CountDownLatch(1)
            val executor = ThreadPoolExecutor(1, 1, 1, TimeUnit.MINUTES, SynchronousQueue())
            executor.asCoroutineDispatcher().use { full ->
                withServer(module = { handlers(gate, dispatcher = full) }) {
                    CapturedLogs("dev.live").use { logs ->
                        val first = PlainClient.connect(url())
                        first.send(request("block", 0))
                        eventually(HANG_TIMEOUT) { executor.activeCount shouldBe 1 }
                        val second = PlainClient.connect(url())

                        repeat(3) { second.send(request("echo", it)) }

                        second.closed().first shouldBe 1013
                        gate.countDown()
                        first.next() shouldBe reply("0", "0")
                        eventually(HANG_TIMEOUT) { executor.activeCount shouldBe 0 }
                        logs.messages.single() shouldContain "The dispatcher of the handlers rejected a task. Session"
                    }
                }
            }
        }

        test("that is shut down closes a session with 1013, also while its handler is suspended") {
            val executor = Executors.newSingleThreadExecutor()
            val isSuspended = CompletableDeferred<Unit>()
            val resume = CompletableDeferred<Unit>()
            withServer(
                module = {
                    handlers(CountDownLatch(0), dispatcher = executor.asCoroutineDispatcher()) {
                        isSuspended.complete(Unit)
                        resume.await()
                    }
                },
            ) {
                CapturedLogs("dev.live").use { logs ->
                    val client = PlainClient.connect(url())
                    client.send(request("custom", 0))
                    isSuspended.await()
                    executor.submit {}.get() // after the handler has left the only thread

                    executor.shutdown()
                    resume.complete(Unit)

                    client.closed().first shouldBe 1013
                    val late = PlainClient.connect(url())
                    late.send(request("echo", 0))
                    late.closed().first shouldBe 1013
                    logs.messages.shouldHaveSize(2)
                }
            }
        }

        test("that throws a rejection closes the session with 1013") {
            val rejecting =
                object : CoroutineDispatcher() {
                    override fun dispatch(context: CoroutineContext, block: Runnable) =
                        throw RejectedExecutionException("full")
                }
            withServer(module = { handlers(CountDownLatch(0), dispatcher = rejecting) }) {
                CapturedLogs("dev.live").use { logs ->
                    val client = PlainClient.connect(url())
                    client.send(request("echo", 0))

                    client.closed().first shouldBe 1013
                    logs.messages.single() shouldContain "rejected a task"
                }
            }
        }

        test("a handler that uses an executor that rejects is answered with an error, and the session stays open") {
            val executor = Executors.newSingleThreadExecutor().apply { shutdown() }
            withServer(
                module = {
                    handlers(CountDownLatch(0), dispatcher = Dispatchers.IO) {
                        if (it == 0) executor.submit {} else withContext(executor.asCoroutineDispatcher()) {}
                    }
                },
            ) {
                val client = PlainClient.connect(url())

                repeat(2) { client.outcome("custom", it) shouldContain "internal error" }
                client.outcome("echo", 1) shouldBe "1"
            }
        }
    }
})

private const val PUBLISHES = 100

/** Handlers that reply to each request, with or without an error. */
private val KINDS = listOf("echo", "echo", "echo", "echo", "sleep", "suspend", "fail", "thread")

/**
 * @param gate what the handlers `block` and `stubborn` wait for
 * @param cancelled completed with the name of the thread on which the handler `hang` is cancelled
 * @param interrupted completed when the handler `block` is interrupted
 */
private fun Application.handlers(
    gate: CountDownLatch,
    timeout: Duration = 30.seconds,
    dispatcher: CoroutineDispatcher? = null,
    cancelled: CompletableFuture<String> = CompletableFuture(),
    interrupted: CompletableFuture<Boolean> = CompletableFuture(),
    custom: suspend (Int) -> Unit = {},
) {
    install(Live) {
        session {
            handlerTimeout = timeout
            handlerDispatcher = dispatcher
        }
        limits {
            messagesPerSecond = 1_000_000
            burst = 1_000_000
            bytesPerSecond = 1_000_000_000
            byteBurst = 1_000_000_000
            subscribesPerSecond = 1_000_000
            subscribeBurst = 1_000_000
        }
    }
    routing {
        live<Unit>("/live") {
            topic<Int>("room/{room}")
            topic<Int>("busy/{room}") {
                authorize { true.also { Thread.sleep(Random.nextLong(2)) } }
                publishWithoutSubscribing = true
                onPublish { number ->
                    if (number % 50 == 0) Thread.sleep(3)
                    broadcast(number)
                }
            }
            request<Int, Int>("echo") { it }
            request<String, String>("pad") { it }
            request<Int, String>("thread") { Thread.currentThread().name }
            request<Int, String>("suspend") {
                delay(1.milliseconds)
                Thread.currentThread().name
            }
            request<Int, Int>("sleep") { it.also { Thread.sleep(Random.nextLong(1, 6)) } }
            request<Int, Int>("fail") { error("broken") }
            request<Int, Int>("custom") { it.also { custom(it) } }
            request<Int, Int>("hang") {
                try {
                    awaitCancellation()
                } finally {
                    cancelled.complete(Thread.currentThread().name)
                }
            }
            request<Int, Int>("block") {
                try {
                    it.also { gate.await() }
                } catch (e: InterruptedException) {
                    interrupted.complete(true)
                    throw e
                }
            }
            request<Int, Int>("stubborn") {
                while (true) {
                    try {
                        return@request it.also { gate.await() }
                    } catch (_: InterruptedException) {
                        continue
                    }
                }
                error("unreachable: the loop returns")
            }
        }
    }
}

private fun request(type: String, data: Int) = """{"type":"$type","ref":"$data","data":$data}"""

private fun reply(ref: String, data: String) = """{"type":"reply","ref":"$ref","data":$data}"""

/** The data of the reply to a request of [type], or the error. */
private suspend fun PlainClient.outcome(type: String, data: Int): String {
    val reply = ask(request(type, data))
    return reply.substringAfter("\"data\":", reply).removeSuffix("}").trim('"')
}

private suspend fun PlainClient.skipTo(text: String) {
    do {
        val message = next()
    } while (text !in message)
}

private fun liveThreads() = Thread.getAllStackTraces().keys.filter { it.name.startsWith("live-w") }
