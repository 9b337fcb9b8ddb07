package dev.live.test

import io.ktor.client.HttpClient
import io.ktor.server.application.Application
import io.ktor.server.testing.runTestApplication
import io.ktor.test.dispatcher.runTestWithRealTime
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * Runs [test] against the application that [module] makes, with real clients, on Ktor's test host.
 *
 * ```
 * class ChatTest : FunSpec({
 *     test("what ann says reaches bob") {
 *         testLive(Application::chat) {
 *             val ann = connect("/live?name=ann")
 *             val bob = connect("/live?name=bob")
 *             val heardByAnn = ann.received<Chat>("room/lobby")
 *             val heardByBob = bob.received<Chat>("room/lobby")
 *
 *             ann.topic<Chat>("room/lobby").publish(Chat("hello"))
 *
 *             heardByBob.next().text shouldBe "hello"
 *         }
 *     }
 * })
 * ```
 *
 * No port is opened: server and clients are the ones of production, and only the network between them is in memory. All
 * of it runs in real time, on several threads; nothing has to be waited for by the clock, for every wait of this kit
 * ends as soon as what it waits for happens, and fails the test after [timeout]. What a client does on a bad network is
 * better tested in virtual time, with [FakeTransport].
 *
 * When [test] ends, the clients are closed and the application is stopped. As with `testApplication`, an
 * `application.conf` among the test's resources is read. A test that takes more than ten minutes fails.
 *
 * @param path of the endpoint, for clients that do not say otherwise
 * @param timeout how long each wait may take
 * @throws AssertionError if a wait of this kit was in vain; what [test] throws is thrown on
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

/** Ktor's `testApplication` ends a test after one minute, which a load test can take on a busy machine. */
private val HANG_TIMEOUT = 10.minutes

/** Runs [test] with clients of [host], which are closed when it ends. */
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
