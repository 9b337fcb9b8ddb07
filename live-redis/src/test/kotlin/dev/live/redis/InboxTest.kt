package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.Publication
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch

class InboxTest : FunSpec({

    test("messages beyond the bound are dropped, and their topics are interrupted once there is room") {
        val inbox = inbox { inboxMessages = 2 }
        for (topic in listOf("a", "b", "c", "c", "d")) inbox.add(topic)

        val (delivered, interrupted) = inbox.deliver(count = 2)

        delivered shouldContainExactly listOf("a", "b")
        interrupted.sorted() shouldContainExactly listOf("c", "d")
        inbox.droppedMessages shouldBe 3
    }

    test("bytes are bounded, and a message larger than the bound is delivered when nothing else waits") {
        val inbox = inbox { inboxBytes = 50 }
        inbox.add("large", size = 200)
        inbox.add("dropped", size = 1)

        val (delivered, interrupted) = inbox.deliver(count = 1)
        inbox.add("next", size = 20)

        delivered shouldContainExactly listOf("large")
        interrupted shouldContainExactly listOf("dropped")
        inbox.deliver(count = 1).first shouldContainExactly listOf("next")
    }

    test("messages that are no publications, and those of other channels, are not delivered") {
        val inbox = inbox {}
        inbox.message("live:n:0/t".encodeToByteArray(), "foreign".encodeToByteArray())
        inbox.message("live:n:0/t".encodeToByteArray(), ("é".repeat(33) + ":1\nL").encodeToByteArray())
        inbox.message("other".encodeToByteArray(), "foreign".encodeToByteArray())
        inbox.add("t")

        inbox.deliver(count = 1).first shouldContainExactly listOf("t")
        inbox.invalidMessages shouldBe 2
    }
})

private val keys = RedisKeys("n", database = 0)

private fun inbox(configure: RedisBrokerConfig.() -> Unit) =
    Inbox(RedisBrokerConfig().apply { namespace = "n" }.apply(configure).build("redis://localhost"), keys)

private fun Inbox.add(topic: String, size: Int = 1) {
    val envelope = Envelope.encode(Publication(topic, Body.bytes(ByteArray(size))))
    message(keys.channel(topic), ChannelMessage.withoutPosition(envelope))
}

/** Delivers [count] messages. Returns the topics of all delivered and of all interrupted ones. */
private suspend fun Inbox.deliver(count: Int): Pair<List<String>, List<String>> {
    val delivered = ArrayList<String>()
    val interrupted = ArrayList<String>()
    val isDone = CompletableDeferred<Unit>()
    val sink =
        object : BrokerSink {
            override suspend fun deliver(publication: Publication, position: Position?) {
                delivered += publication.topic
                if (delivered.size == count) isDone.complete(Unit)
            }

            override suspend fun interrupted(topic: String?) {
                interrupted += topic.toString()
            }
        }
    coroutineScope {
        val running = launch(start = CoroutineStart.UNDISPATCHED) { run(sink) }
        isDone.await()
        running.cancelAndJoin()
    }
    return delivered to interrupted
}
