package dev.live.redis.support

import dev.live.client.LiveClient
import dev.live.redis.RedisBroker
import dev.live.server.Live
import dev.live.server.live
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The parameters with which a member subscribes. */
@Serializable
class Device(val user: String, val name: String)

/** Runs a node with the topic `room`, of which the presence is shared through Redis at [url]. */
fun presenceServer(
    url: String,
    application: String,
    grace: Duration = Duration.ZERO,
    test: suspend LiveTest.() -> Unit,
): Unit =
    testLive(
        {
            install(Live) {
                broker(
                    RedisBroker(url) {
                        namespace = application
                        heartbeat = 200.milliseconds
                        probeInterval = 200.milliseconds
                        probeTimeout = 1.seconds
                        maxReconnectDelay = 100.milliseconds
                        timeout = 30.seconds
                    },
                )
            }
            routing {
                live<Unit>("/live") {
                    topic<String>("room") {
                        presence(grace = grace, interval = 5.milliseconds) {
                            val device = paramsAs<Device>() ?: reject("no params")
                            info(device.name)
                            device.user
                        }
                    }
                }
            }
        },
        test = test,
    )

/** A member of `room`, and the presence that its client has received, oldest first. */
class Member(scope: CoroutineScope, client: LiveClient, user: String, device: String) {
    private val states = CopyOnWriteArrayList<Map<String, List<String>>>()
    private val job: Job =
        // not in the thread of the test, which a test of another node inside it blocks
        scope.launch(Dispatchers.Default) {
            client.topic<String>("room").withParams(Device(user, device)).presence<String>().collect { people ->
                states += people.mapValues { it.value.sorted() }
            }
        }

    /** Waits until this member sees exactly these devices, by user. */
    suspend fun awaitPresence(vararg expected: Pair<String, List<String>>): Unit =
        eventually(HANG_TIMEOUT) { states.lastOrNull() shouldBe expected.toMap() }

    /** The states since [user] was first present. */
    fun statesSince(user: String): List<Map<String, List<String>>> = states.dropWhile { user !in it }

    /** Unsubscribes. */
    suspend fun leave() {
        job.cancel()
        job.join()
    }
}
