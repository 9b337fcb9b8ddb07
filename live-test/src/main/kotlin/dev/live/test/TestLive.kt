package dev.live.test

import dev.live.client.testing.FakeTransport
import io.ktor.client.HttpClient
import io.ktor.server.application.Application
import io.ktor.server.testing.runTestApplication
import io.ktor.test.dispatcher.runTestWithRealTime
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * Runs [test] with real clients against an application with [module], on Ktor's test host.
 *
 * ```
 * class ChatTest : FunSpec({
 *     test("bob receives a message from ann") {
 *         testLive(Application::chat) {
 *             val ann = connect("/live?name=ann")
 *             val bob = connect("/live?name=bob")
 *             val receivedByAnn = ann.received<Chat>("room/lobby")
 *             val receivedByBob = bob.received<Chat>("room/lobby")
 *
 *             ann.topic<Chat>("room/lobby").publish(Chat("hello"))
 *
 *             receivedByBob.next().text shouldBe "hello"
 *         }
 *     }
 * })
 * ```
 *
 * Opens no port. Server and clients run their production code; only the network between them is in memory. Everything
 * runs in real time on several threads. A test needs no fixed delays: each wait of this kit ends as soon as its
 * condition is met, and fails the test after [timeout]. To test a client on an unreliable network, use
 * [FakeTransport] in virtual time instead.
 *
 * When [test] ends, the clients are closed and the application is stopped. Like `testApplication`, it reads an
 * `application.conf` from the test's resources. A test that takes more than ten minutes fails.
 *
 * @param path default path of the endpoint
 * @param timeout maximum duration of each wait
 * @throws AssertionError if a wait times out. Exceptions of [test] are rethrown
 * @throws IllegalArgumentException if [timeout] is not positive
 */
public fun testLive(
    module: Application.() -> Unit,
    path: String = "/live",
    timeout: Duration = 1.minutes,
    test: suspend LiveTest.() -> Unit,
) {
    require(timeout.isPositive()) { "timeout must be positive, was $timeout" }
    runTestWithRealTime(timeout = HANG_TIMEOUT) {
        runTestApplication {
            application { module() }
            startApplication()
            HttpClient(TestHostEngine(application)).use { sockets ->
                val host =
                    object : LiveTestHost {
                        override val application = this@runTestApplication.application
                        override val httpClient = this@runTestApplication.client
                        override val webSocketClient = sockets
                        override val url = "ws://localhost"
                    }
                runLiveTest(host, path, timeout, test)
            }
        }
    }
}

/** Ktor's `testApplication` ends a test after one minute. A load test can take longer on a busy machine. */
private val HANG_TIMEOUT = 10.minutes

/** Runs [test] with clients of [host]. Closes the clients when it ends. */
internal suspend fun runLiveTest(
    host: LiveTestHost,
    path: String,
    timeout: Duration,
    test: suspend LiveTest.() -> Unit,
) {
    coroutineScope {
        val live = LiveTest(host, path, timeout, this)
        try {
            live.test()
        } finally {
            live.closeAll()
            coroutineContext.cancelChildren()
        }
    }
}
