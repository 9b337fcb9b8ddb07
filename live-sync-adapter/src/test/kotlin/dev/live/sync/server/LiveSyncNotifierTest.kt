package dev.live.sync.server

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.client.syncSignals
import dev.live.sync.support.HANG_TIMEOUT
import dev.live.sync.support.cursor
import dev.live.sync.support.onServer
import dev.live.sync.support.subscribe
import dev.live.sync.support.text
import dev.live.test.RawConnection
import dev.live.test.testLive
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.flow.first
import kotlin.time.Duration

class LiveSyncNotifierTest : FunSpec({

    test("the ack says where the scope stands, and a message of type sync what it has come to") {
        onServer { sync ->
            sync.notify("list/42", 7uL)
            val client = connectRaw()

            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":7}}"""
            sync.notify("list/42", 8uL)

            val told = client.next()
            told.type shouldBe "sync"
            told.topic shouldBe "sync:list/42"
            told.text() shouldBe """{"cursor":8}"""
        }
    }

    test("a scope of which nothing is known has an ack that says nothing") {
        onServer { connectRaw().subscribe("list/42").body shouldBe null }
    }

    test("after a restart the engine is asked, and what was notified since counts if it is newer") {
        onServer(source = { scope -> if (scope == "stored") 5uL else null }) { sync ->
            sync.notify("notified", 3uL)
            val client = connectRaw()

            client.subscribe("stored").text() shouldBe """{"welcome":{"cursor":5}}"""
            client.subscribe("notified").text() shouldBe """{"welcome":{"cursor":3}}"""
            client.subscribe("neither").body shouldBe null
            sync.notify("stored", 4uL)
            connectRaw().subscribe("stored").text() shouldBe """{"welcome":{"cursor":5}}"""
            sync.notify("stored", 6uL)
            connectRaw().subscribe("stored").text() shouldBe """{"welcome":{"cursor":6}}"""
        }
    }

    test("an engine that cannot say where a scope stands is as one that does not know") {
        onServer(source = { error("the database is away") }) { sync ->
            val client = connectRaw()
            client.subscribe("list/42").body shouldBe null
            sync.notify("list/42", 1uL)
            client.cursor() shouldBe 1uL
            connectRaw().subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
        }
    }

    test("what is notified between the welcome and the join is told behind the ack") {
        var between: suspend () -> Unit = {}
        onServer(onWelcome = { between() }) { sync ->
            sync.notify("list/42", 1uL)
            between = {
                val before = live.stats.published
                sync.notify("list/42", 2uL)
                eventually(HANG_TIMEOUT) { live.stats.published shouldBe before + 1 } // to nobody
            }
            eventually(HANG_TIMEOUT) { live.stats.published shouldBe 1 }
            val client = connectRaw()
            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
            client.cursor() shouldBe 2uL
        }
    }

    test("a scope that the application does not allow is forbidden, and nobody may publish to one") {
        onServer {
            val client = connectRaw()
            client.refusal(Message(MessageType.SUBSCRIBE, "sync:secret", "r")) shouldBe "forbidden"
            client.subscribe("list/42")
            client.refusal(Message(MessageType.PUBLISH, "sync:list/42", "r", Body.of(1))) shouldBe "forbidden"
            shouldThrow<LiveException> { connect().syncSignals("secret").first() }.code shouldBe ErrorCode.Forbidden
        }
    }

    test("where no scopes are declared none can be joined") {
        testLive({
            install(Live)
            routing { live<Unit>("/live") { topic<String>("room") } }
        }) {
            LiveSyncNotifier(live).notify("list/42", 1uL)
            shouldThrow<LiveException> { connect().syncSignals("list/42").first() }.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("the edges of what a cursor and a scope can be") {
        onServer { sync ->
            val longest = "x".repeat(251)
            sync.notify("zero", 0uL)
            sync.notify("most", ULong.MAX_VALUE)
            sync.notify(longest, 1uL)
            sync.notify("java", -1L)
            sync.refused shouldBe 0
            sync.notify("", 1uL)
            sync.notify("x".repeat(1024), 1uL)
            sync.notify("a\u0000b", 1uL)
            sync.refused shouldBe 3

            val live = connect()
            live.syncSignals("zero").first() shouldBe 0uL
            live.syncSignals("most").first() shouldBe ULong.MAX_VALUE
            live.syncSignals("java").first() shouldBe ULong.MAX_VALUE
            live.syncSignals(longest).first() shouldBe 1uL
        }
    }

    test("an engine that goes on after the server has ended is not troubled") {
        lateinit var left: LiveSyncNotifier
        onServer { sync ->
            sync.notify("list/42", 1uL)
            left = sync
        }
        repeat(1_000) { left.notify("list/$it", 2uL) }

        left.waiting shouldBe 0
    }

    test("bounds that make no sense are refused") {
        onServer {
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.ZERO) }.message shouldBe
                "interval must be from 1 ms to 1 day, was 0s"
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.INFINITE) }
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, maxScopes = 1) }.message shouldBe
                "maxScopes must be at least 2, was 1"
        }
    }
})

private suspend fun RawConnection.refusal(message: Message): String = ask(message).decode<ErrorData>().code
