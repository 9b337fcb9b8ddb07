package dev.live.client.connection

import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.waiting
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Proxies that cut what they take for idle, or whatever is old enough. */
class ProxyTest : FunSpec({

    test("a proxy that cuts after 60 s without traffic never gets to: a ping every 25 s keeps the connection") {
        clientTest {
            settle()
            var quiet = Duration.ZERO
            var before = 0
            repeat(600) {
                pass(1.seconds)
                val traffic = transport.wire.received.size
                quiet = if (traffic == before) quiet + 1.seconds else Duration.ZERO
                before = traffic
                if (quiet >= 60.seconds) transport.wire.cut()
            }

            transport.connections shouldHaveSize 1
            transport.wire.sent(MessageType.PING) shouldHaveSize 24
        }
    }

    test("a proxy that cuts every connection after 60 s costs a short wait each time: it had proved itself") {
        val asked = mutableListOf<Int>()
        clientTest({ reconnect = counting(asked) }) {
            repeat(5) {
                pass(60.seconds)
                transport.wire.cut()
                settle()
                waiting().cause.shouldBeInstanceOf<DisconnectCause.ConnectionLost>()
                pass(1.seconds)
            }

            asked shouldContainExactly listOf(0, 0, 0, 0, 0)
        }
    }

    test("topics go on behind such a proxy") {
        clientTest {
            val messages = collect(room().messages)
            repeat(5) {
                pass(60.seconds)
                transport.wire.cut()
                pass(1.seconds)
                serverSays("room", hello)
                messages.awaitItem() shouldBe hello
            }
            messages.cancel()
        }
    }

    test("a proxy that cuts idle connections before their first ping is tried ever more seldom") {
        val asked = mutableListOf<Int>()
        clientTest({ reconnect = counting(asked) }) {
            repeat(5) {
                pass(20.seconds)
                transport.wire.cut()
                pass(1.seconds)
            }

            asked shouldContainExactly listOf(0, 1, 2, 3, 4)
        }
    }

    test("behind it, a heartbeat that is shorter keeps the connection") {
        clientTest({ heartbeat { interval = 15.seconds } }) {
            repeat(30) { passUnlessQuietFor(20.seconds) }

            transport.connections shouldHaveSize 1
        }
    }

    test("a proxy that goes on taking and gives nothing back any more is found by the silence") {
        clientTest {
            settle()
            transport.wire.isHalfOpen = true
            pass(1.minutes)

            waiting().cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>().after shouldBe 60.seconds
        }
    }
})

private fun counting(asked: MutableList<Int>) =
    ReconnectPolicy { attempt ->
        asked += attempt
        1.seconds
    }

/** Lets [idle] pass; the proxy cuts if nothing was sent meanwhile. */
private fun ClientFixture.passUnlessQuietFor(idle: Duration) {
    val before = transport.connections.lastOrNull()?.received?.size
    pass(idle)
    val wire = transport.connections.last()
    if (wire.received.size == before) wire.cut()
}
