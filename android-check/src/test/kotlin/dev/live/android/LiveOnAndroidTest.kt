package dev.live.android

import android.app.Activity
import android.net.ConnectivityManager
import android.os.Looper
import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.PauseReason
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.client.HttpClient
import io.ktor.client.engine.okhttp.OkHttp
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric.buildActivity
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/** A client on OkHttp, collected on Android's main thread, and a real server on a real socket. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34])
class LiveOnAndroidTest {
    private val application = RuntimeEnvironment.getApplication()
    private val connectivity = shadowOf(application.getSystemService(ConnectivityManager::class.java))

    @Test
    fun `messages go both ways, and are heard on the main thread`() {
        chatTest { live ->
            val heard = listen(live)
            soon { server.live.topic("room/lobby").subscribers shouldBe 1 }

            launch(Dispatchers.Main) { live.topic<Chat>("room/lobby").publish(Chat("ann", "hello")) }

            soon { heard shouldContainExactly listOf(Chat("ann", "hello") to Looper.getMainLooper().thread) }
            live.state.value.toString() shouldBe "Connected(live.v1.cbor)"
        }
    }

    @Test
    fun `in the background the client says goodbye, and back again it hears what it missed`() {
        chatTest { live ->
            val activity = buildActivity(Activity::class.java).setup()
            val heard = listen(live)
            soon { server.live.topic("room/lobby").subscribers shouldBe 1 }
            // the server has a subscriber before the client has its position
            server.live.topic("room/lobby").publish(Chat("bob", "hello"))
            soon { heard.map { it.first } shouldContainExactly listOf(Chat("bob", "hello")) }

            activity.pause().stop()
            soon { live.state.value shouldBe ConnectionState.Paused(PauseReason.Background) }
            soon { server.live.sessions.size shouldBe 0 }
            server.live.topic("room/lobby").publish(Chat("bob", "are you there?"))
            activity.restart().start().resume()

            soon { heard.last().first shouldBe Chat("bob", "are you there?") }
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    @Test
    fun `without a network the client waits for one`() {
        chatTest { live ->
            val activity = buildActivity(Activity::class.java).setup()
            soon { live.state.value.shouldBeInstanceOf<ConnectionState.Connected>() }
            activity.pause().stop()
            soon { live.state.value shouldBe ConnectionState.Paused(PauseReason.Background) }

            connectivity.networkCallbacks.single().onLost(ShadowNetwork.newInstance(100))
            activity.restart().start().resume()
            soon { live.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork) }
            connectivity.networkCallbacks.single().onAvailable(ShadowNetwork.newInstance(101))

            soon { live.state.value.shouldBeInstanceOf<ConnectionState.Connected>() }
        }
    }

    private fun chatTest(block: suspend ChatScope.(LiveClient) -> Unit): Unit = runBlocking {
        val server = embeddedServer(CIO, port = 0, host = "127.0.0.1") { chat() }.start(wait = false)
        HttpClient(OkHttp).use { http ->
            val port = server.engine.resolvedConnectors().first().port
            val live = chatClient("ws://127.0.0.1:$port/live", application, http, grace = Duration.ZERO)
            val job = Job()
            try {
                ChatScope(server.application, CoroutineScope(coroutineContext + job)).block(live)
            } finally {
                job.cancel()
                soon { job.isCompleted shouldBe true } // no join: what ends there needs the main thread
                live.close()
                server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
            }
        }
    }
}

private class ChatScope(val server: Application, scope: CoroutineScope) : CoroutineScope by scope

private fun ChatScope.listen(live: LiveClient): List<Pair<Chat, Thread>> {
    val heard = mutableListOf<Pair<Chat, Thread>>()
    launch(Dispatchers.Main) {
        live.topic<Chat>("room/lobby").messages.collect { heard += it to Thread.currentThread() }
    }
    return heard
}

private fun Application.chat() {
    install(Live)
    routing {
        live<Unit>("/live") {
            topic<Chat>("room/{room}") { history(size = 10) }
        }
    }
}

/** Runs what waits for the main thread, on which the test is, until [block] holds. */
private suspend fun soon(block: suspend () -> Unit): Unit =
    eventually(2.minutes) {
        shadowOf(Looper.getMainLooper()).idle()
        block()
    }
