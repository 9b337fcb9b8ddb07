@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.LiveClient
import dev.live.client.clientTest
import dev.live.client.room
import dev.live.client.start
import dev.live.client.testing.FakeTransport
import dev.live.protocol.CloseCode
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentLinkedQueue

/** The end of flows with their client. They complete normally if the application closed it, whenever they started. */
class FlowsAndCloseTest : FunSpec({

    for ((name, flowOf) in flows) {
        test("$name completes normally when the application closes the client") {
            clientTest {
                val collecting = start { flowOf().toList() }
                settle()

                client.close()
                settle()

                collecting.isCompleted shouldBe true
                collecting.getCompletionExceptionOrNull() shouldBe null
            }
        }

        test("$name completes normally without items for a collector that starts after close") {
            clientTest {
                settle()
                client.close()

                flowOf().toList().shouldBeEmpty()
            }
        }
    }

    test("presence keeps its value and does not fail when the application closes the client") {
        clientTest {
            val before = start { room().presence<Unit>().collect {} }
            settle()

            client.close()
            val after = start { room().presence<Unit>().collect {} }
            settle()

            before.isActive shouldBe true
            after.isActive shouldBe true
            before.cancel()
            after.cancel()
        }
    }

    test("flows complete normally when the parent job of the client is cancelled") {
        val parent = Job()
        clientTest({ context += parent }) {
            settle()
            parent.cancelAndJoin()

            room().messages.toList().shouldBeEmpty()
        }
    }

    test("flows fail when the server closed the client, also for later collectors") {
        clientTest {
            val before = start { room().messages.toList() }
            settle()
            transport.wire.cut(CloseCode.Kicked, "enough")
            settle()

            before.getCompletionExceptionOrNull().shouldBeInstanceOf<ClientClosedException>()
            shouldThrow<ClientClosedException> { room().messages.toList() }.reason shouldBe
                "the client is closed: the server closed with 4403 (enough)"
        }
    }

    test("none of 2,000 collectors that start during close fails") {
        val failures = ConcurrentLinkedQueue<Throwable>()
        withContext(Dispatchers.Default) {
            repeat(1_000) {
                val live = LiveClient("ws://test/live") { transport = FakeTransport() }
                coroutineScope {
                    repeat(2) { n ->
                        val start = if (n == 0) CoroutineStart.DEFAULT else CoroutineStart.UNDISPATCHED
                        launch(start = start) { live.topic<Chat>("room").messages.catch { failures += it }.collect {} }
                    }
                    live.close()
                }
            }
        }

        withClue(failures.firstOrNull()) { failures.size shouldBe 0 }
    }
})

private val flows: List<Pair<String, ClientFixture.() -> Flow<*>>> =
    listOf(
        "messages of a topic" to { room().messages },
        "updates of a topic" to { room().updates },
        "messages of a raw topic" to { client.rawTopic("room").messages },
        "updates of a raw topic" to { client.rawTopic("room").updates },
        "messages without a topic" to { client.messages },
    )
