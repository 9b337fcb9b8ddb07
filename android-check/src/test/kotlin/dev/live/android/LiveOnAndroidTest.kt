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

/** A client on OkHttp, collected on Android's main thread, with a server on a real socket. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34])
class LiveOnAndroidTest {
    private val application = RuntimeEnvironment.getApplication()
    private val connectivity = shadowOf(application.getSystemService(ConnectivityManager::class.java))

    @Test
    fun `messages are delivered in both directions and collected on the main thread`() {
        chatTest { live ->
            val received = collectOnMain(live)
            eventuallyOnMain { server.live.topic("room/lobby").subscribers shouldBe 1 }

            launch(Dispatchers.Main) { live.topic<Chat>("room/lobby").publish(Chat("ann", "hello")) }

            val expected = Chat("ann", "hello") to Looper.getMainLooper().thread
            eventuallyOnMain { received shouldContainExactly listOf(expected) }
            live.state.value.toString() shouldBe "Connected(live.v1.cbor)"
        }
    }

    @Test
    fun `the client disconnects in the background and recovers missed messages in the foreground`() {
        chatTest { live ->
            val activity = buildActivity(Activity::class.java).setup()
            val received = collectOnMain(live)
            eventuallyOnMain { server.live.topic("room/lobby").subscribers shouldBe 1 }
            // the client receives its position after the server has added the subscriber
            server.live.topic("room/lobby").publish(Chat("bob", "hello"))
            eventuallyOnMain { received.map { it.first } shouldContainExactly listOf(Chat("bob", "hello")) }

            activity.pause().stop()
            eventuallyOnMain { live.state.value shouldBe ConnectionState.Paused(PauseReason.Background) }
            eventuallyOnMain { server.live.sessions.size shouldBe 0 }
            server.live.topic("room/lobby").publish(Chat("bob", "are you there?"))
            activity.restart().start().resume()

            eventuallyOnMain { received.last().first shouldBe Chat("bob", "are you there?") }
            live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    @Test
    fun `without a network the client waits for a network`() {
        chatTest { live ->
            val activity = buildActivity(Activity::class.java).setup()
            eventuallyOnMain { live.state.value.shouldBeInstanceOf<ConnectionState.Connected>() }
            activity.pause().stop()
            eventuallyOnMain { live.state.value shouldBe ConnectionState.Paused(PauseReason.Background) }

            connectivity.networkCallbacks.single().onLost(ShadowNetwork.newInstance(100))
            activity.restart().start().resume()
            eventuallyOnMain { live.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork) }
            connectivity.networkCallbacks.single().onAvailable(ShadowNetwork.newInstance(101))

            eventuallyOnMain { live.state.value.shouldBeInstanceOf<ConnectionState.Connected>() }
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
                eventuallyOnMain { job.isCompleted shouldBe true } // no join: the jobs need the main thread
                live.close()
                server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
            }
        }
    }
}

private class ChatScope(val server: Application, scope: CoroutineScope) : CoroutineScope by scope

private fun ChatScope.collectOnMain(live: LiveClient): List<Pair<Chat, Thread>> {
    val received = mutableListOf<Pair<Chat, Thread>>()
    launch(Dispatchers.Main) {
        live.topic<Chat>("room/lobby").messages.collect { received += it to Thread.currentThread() }
    }
    return received
}

private fun Application.chat() {
    install(Live)
    routing {
        live<Unit>("/live") {
            topic<Chat>("room/{room}") { history(size = 10) }
        }
    }
}

/** Runs the tasks of the main thread, which is the test's thread, until [block] succeeds. */
private suspend fun eventuallyOnMain(block: suspend () -> Unit): Unit =
    eventually(2.minutes) {
        shadowOf(Looper.getMainLooper()).idle()
        block()
    }
