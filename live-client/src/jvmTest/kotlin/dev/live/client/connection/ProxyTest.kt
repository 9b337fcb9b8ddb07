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

/** Proxies that close idle or old connections. */
class ProxyTest : FunSpec({

    test("a ping every 25 s keeps the connection through a proxy with an idle timeout of 60 s") {
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

    test("a proxy that closes every connection after 60 s causes only short delays: each was stable") {
        val attempts = mutableListOf<Int>()
        clientTest({ reconnect = counting(attempts) }) {
            repeat(5) {
                pass(60.seconds)
                transport.wire.cut()
                settle()
                waiting().cause.shouldBeInstanceOf<DisconnectCause.ConnectionLost>()
                pass(1.seconds)
            }

            attempts shouldContainExactly listOf(0, 0, 0, 0, 0)
        }
    }

    test("topics continue behind such a proxy") {
        clientTest {
            val messages = collect(room().messages)
            repeat(5) {
                pass(60.seconds)
                transport.wire.cut()
                pass(1.seconds)
                serverPublishes("room", hello)
                messages.awaitItem() shouldBe hello
            }
            messages.cancel()
        }
    }

    test("a proxy that closes connections before the first ping causes growing delays") {
        val attempts = mutableListOf<Int>()
        clientTest({ reconnect = counting(attempts) }) {
            repeat(5) {
                pass(20.seconds)
                transport.wire.cut()
                pass(1.seconds)
            }

            attempts shouldContainExactly listOf(0, 1, 2, 3, 4)
        }
    }

    test("a shorter heartbeat interval keeps the connection through such a proxy") {
        clientTest({ heartbeat { interval = 15.seconds } }) {
            repeat(30) { passUnlessQuietFor(20.seconds) }

            transport.connections shouldHaveSize 1
        }
    }

    test("a proxy that stops forwarding responses is detected by the heartbeat timeout") {
        clientTest {
            settle()
            transport.wire.isHalfOpen = true
            pass(1.minutes)

            waiting().cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>().after shouldBe 60.seconds
        }
    }
})

private fun counting(attempts: MutableList<Int>) =
    ReconnectPolicy { attempt ->
        attempts += attempt
        1.seconds
    }

/** Advances the time by [idle]. The proxy cuts the connection if the client sent nothing in that time. */
private fun ClientFixture.passUnlessQuietFor(idle: Duration) {
    val before = transport.connections.lastOrNull()?.received?.size
    pass(idle)
    val wire = transport.connections.last()
    if (wire.received.size == before) wire.cut()
}
