package dev.live.samples.cluster

import dev.live.redis.RedisBroker
import dev.live.samples.chat.Chat
import dev.live.samples.chat.chat
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.shouldBe
import java.io.File

/** The chat sample on Redis: the line of docs/cluster.md. */
class ChatOnRedisTest : FunSpec({

    test("a message of the chat reaches a user of another node") {
        RedisProcess().use { redis ->
            redis.start()
            testLive({ chat { broker(RedisBroker(redis.url) { namespace = "chat" }) } }) {
                val bob = connect("/live?name=Bob")
                val received = bob.received<Chat>("room/lobby")

                testLive({ chat { broker(RedisBroker(redis.url) { namespace = "chat" }) } }) {
                    val ann = connect("/live?name=Ann")
                    val own = ann.received<Chat>("room/lobby")
                    ann.topic<Chat>("room/lobby").publish(Chat("hello"))
                    own.next().text shouldBe "hello"
                }

                received.next().text shouldBe "hello"
            }
        }
    }

    for (page in listOf("../../docs/cluster.md", "README.md")) {
        test("the diff in ${File(page).name} replaces one line of the chat by one that compiles") {
            val diff = File(page).readText().substringAfter("```diff\n").substringBefore("\n```").lines()
            val (removed, added) = diff.filter { it.first() in "-+" }.partition { it.startsWith("-") }

            linesOf(CHAT_SERVER) shouldContain removed.single().drop(1)
            linesOf(CHANGED_CHAT_SERVER) shouldContain added.single().drop(1)
        }
    }
})

private const val CHAT_SERVER = "../chat/src/main/kotlin/dev/live/samples/chat/Server.kt"
private const val CHANGED_CHAT_SERVER = "src/test/kotlin/dev/live/samples/cluster/ChatServer.kt"

private fun linesOf(file: String): List<String> = File(file).readLines()
