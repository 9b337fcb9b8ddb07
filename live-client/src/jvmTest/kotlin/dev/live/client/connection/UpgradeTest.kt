package dev.live.client.connection

import app.cash.turbine.test
import dev.live.client.clientTest
import dev.live.client.closed
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.waiting
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.ranges.shouldBeIn
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Responses of the server to the upgrade. */
class UpgradeTest : FunSpec({

    for (status in listOf(400, 403)) {
        test("HTTP $status closes the client with a typed cause") {
            clientTest {
                transport.connectFailures += UpgradeRejectedException(status, "no")
                settle()

                closed().cause.shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().status shouldBe status
            }
        }
    }

    test("after HTTP 503 the client waits for Retry-After plus a random delay") {
        val delays =
            List(20) {
                var delay = Duration.ZERO
                clientTest {
                    transport.connectFailures += UpgradeRejectedException(503, "full", retryAfter = 20.seconds)
                    settle()
                    delay = waiting().delay
                }
                delay
            }

        delays.forAll { it shouldBeIn 20.seconds..40.seconds }
        delays.toSet().size shouldBeGreaterThan 1
    }

    test("HTTP 502 is retried like an unreachable server") {
        clientTest {
            transport.connectFailures += UpgradeRejectedException(502, "")
            settle()

            waiting().delay shouldBe 1.seconds
        }
    }

    test("a subprotocol that was not offered closes the client") {
        clientTest {
            transport.subprotocol = "chat"
            settle()

            closed().cause.toString() shouldContain
                "the server selected chat, the client offered [live.v1.cbor, live.v1.json]"
        }
    }

    test("without a subprotocol in the response the client uses JSON") {
        clientTest {
            transport.subprotocol = null
            settle()

            client.state.value.toString() shouldBe "Connected(live.v1.json)"
        }
    }
})
