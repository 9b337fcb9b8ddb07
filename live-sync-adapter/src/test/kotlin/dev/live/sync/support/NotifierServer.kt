package dev.live.sync.support

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.declareScopes
import dev.live.test.LiveTest
import dev.live.test.RawConnection
import dev.live.test.testLive
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Runs [test] with a server that authorizes all scopes except `secret`, and its notifier. */
internal fun onServer(
    interval: Duration = 50.milliseconds,
    topicsPerSession: Int = 100,
    source: (suspend (String) -> ULong?)? = null,
    onWelcome: suspend () -> Unit = {},
    test: suspend LiveTest.(LiveSyncNotifier) -> Unit,
) {
    lateinit var sync: LiveSyncNotifier
    testLive({
        install(Live) {
            session { maxTopics = topicsPerSession }
            limits {
                messagesPerSecond = 100_000
                burst = 100_000
                subscribeBurst = topicsPerSession + 1
            }
        }
        sync = LiveSyncNotifier(live, interval, source = source)
        routing { live<Unit>("/live") { declareScopes(sync, { _, scope -> scope != "secret" }, onWelcome) } }
    }) { test(sync) }
}

internal suspend fun RawConnection.subscribe(scope: String): Message {
    val ack = request(Message(MessageType.SUBSCRIBE, "sync:$scope", "r"))
    ack.type shouldBe MessageType.ACK
    return ack
}

/** The cursor of the next message, a signal or an ack. */
internal suspend fun RawConnection.cursor(): ULong = cursorOf(next())

internal fun cursorOf(message: Message): ULong =
    Regex("\"cursor\":(\\d+)").find(message.text())?.groupValues?.get(1)?.toULong() ?: 0uL

internal fun Message.text(): String = (body as Body.Json).text
