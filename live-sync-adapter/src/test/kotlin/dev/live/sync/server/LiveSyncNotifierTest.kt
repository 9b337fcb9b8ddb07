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

    test("the ack has the current cursor, and messages of type sync have later ones") {
        onServer { sync ->
            sync.notify("list/42", 7uL)
            val client = connectRaw()

            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":7}}"""
            sync.notify("list/42", 8uL)

            val signal = client.next()
            signal.type shouldBe "sync"
            signal.topic shouldBe "sync:list/42"
            signal.text() shouldBe """{"cursor":8}"""
        }
    }

    test("the ack of an unknown scope has no body") {
        onServer { connectRaw().subscribe("list/42").body shouldBe null }
    }

    test("the ack has the newer of the source's cursor and the notified one") {
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

    test("a failing source is treated as an unknown cursor") {
        onServer(source = { error("the database is unavailable") }) { sync ->
            val client = connectRaw()
            client.subscribe("list/42").body shouldBe null
            sync.notify("list/42", 1uL)
            client.cursor() shouldBe 1uL
            connectRaw().subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
        }
    }

    test("a cursor notified between the welcome and the subscribe is sent after the ack") {
        var duringSubscribe: suspend () -> Unit = {}
        onServer(onWelcome = { duringSubscribe() }) { sync ->
            sync.notify("list/42", 1uL)
            duringSubscribe = {
                val before = live.stats.published
                sync.notify("list/42", 2uL)
                eventually(HANG_TIMEOUT) { live.stats.published shouldBe before + 1 } // without subscribers
            }
            eventually(HANG_TIMEOUT) { live.stats.published shouldBe 1 }
            val client = connectRaw()
            client.subscribe("list/42").text() shouldBe """{"welcome":{"cursor":1}}"""
            client.cursor() shouldBe 2uL
        }
    }

    test("subscribing to a scope that is not authorized is forbidden, and so is publishing") {
        onServer {
            val client = connectRaw()
            client.rejectionCode(Message(MessageType.SUBSCRIBE, "sync:secret", "r")) shouldBe "forbidden"
            client.subscribe("list/42")
            client.rejectionCode(Message(MessageType.PUBLISH, "sync:list/42", "r", Body.of(1))) shouldBe "forbidden"
            shouldThrow<LiveException> { connect().syncSignals("secret").first() }.code shouldBe ErrorCode.Forbidden
        }
    }

    test("without syncScopes no scope can be subscribed to") {
        testLive({
            install(Live)
            routing { live<Unit>("/live") { topic<String>("room") } }
        }) {
            LiveSyncNotifier(live).notify("list/42", 1uL)
            shouldThrow<LiveException> { connect().syncSignals("list/42").first() }.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("the smallest and largest cursors and scopes are accepted, and invalid scopes are counted") {
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

    test("notify does nothing after the server has stopped") {
        lateinit var stopped: LiveSyncNotifier
        onServer { sync ->
            sync.notify("list/42", 1uL)
            stopped = sync
        }
        repeat(1_000) { stopped.notify("list/$it", 2uL) }

        stopped.waiting shouldBe 0
    }

    test("settings out of bounds are rejected") {
        onServer {
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.ZERO) }.message shouldBe
                "interval must be from 1 ms to 1 day, was 0s"
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, interval = Duration.INFINITE) }
            shouldThrow<IllegalArgumentException> { LiveSyncNotifier(live, maxScopes = 1) }.message shouldBe
                "maxScopes must be at least 2, was 1"
        }
    }
})

private suspend fun RawConnection.rejectionCode(message: Message): String = request(message).decode<ErrorData>().code
