package dev.live.server.session

import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runTest

class BlockedWriteTest : FunSpec({

    test("a long write of a transport that reports full sockets does not make the client slow") {
        runTest {
            val clock = Clock(this)

            clock.state.writeStarted(reportsBlocked = true)
            clock.millis += 10_000 // the writer's thread did not run meanwhile

            clock.state.isBlocked shouldBe false
        }
    }

    test("a client is blocked as soon as the transport reports a full socket, until the write completes") {
        runTest {
            val clock = Clock(this)

            val number = clock.state.writeStarted(reportsBlocked = true)
            clock.state.writeBlocked(number)

            clock.state.isBlocked shouldBe true
            clock.state.writeCompleted()
            clock.state.isBlocked shouldBe false
        }
    }

    test("a late report of an earlier write does not count for the current one") {
        runTest {
            val clock = Clock(this)
            val number = clock.state.writeStarted(reportsBlocked = true)
            clock.state.writeCompleted()

            clock.state.writeStarted(reportsBlocked = true)
            clock.state.writeBlocked(number)

            clock.state.isBlocked shouldBe false
        }
    }

    test("without such reports, a write of 100 milliseconds has found a full socket") {
        runTest {
            val clock = Clock(this)

            clock.state.writeStarted(reportsBlocked = false)

            clock.millis += 99
            clock.state.isBlocked shouldBe false
            clock.millis += 1
            clock.state.isBlocked shouldBe true
        }
    }
})

/** The state of a session, with a clock that the test sets. */
private class Clock(test: TestScope) {
    var millis = 0L

    private val runtime =
        SessionRuntime(sessionSettings(), TestTopics(test.backgroundScope).registry, slot = 0) { millis }

    val state = testSession(runtime, test.backgroundScope).state
}
