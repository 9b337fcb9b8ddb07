package dev.live.test

import app.cash.turbine.test
import dev.live.docs.topics.Auctions
import dev.live.docs.topics.Bid
import dev.live.docs.topics.Bidding
import dev.live.docs.topics.auctions
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.consumeAsFlow
import kotlin.time.Duration.Companion.minutes

/** The example of docs/subscriptions.md with a real client. */
class SubscriptionTest : FunSpec({

    test("a client sends messages to a topic, and receives pushes and the end of its subscription") {
        val seconds = Channel<Int>(Channel.UNLIMITED)
        val reports = Channel<String>(Channel.UNLIMITED)
        testLive({ auctions(FakeAuctions(seconds)) { reports.trySend(it) } }, "/live?name=ann") {
            val ann = connect()
            shouldThrow<LiveException> { Bidding.bid(ann) }.code shouldBe ErrorCode.NotSubscribed

            ann.rawTopic("auction/vase").messages.test(timeout = 2.minutes) {
                Bidding.bid(ann) shouldContainExactly listOf(Bid(10))
                List(2) { awaitItem().type } shouldContainExactly listOf("message", "message")
                shouldThrow<LiveException> {
                    ann.requestMessage("bid", topic = "auction/vase", body = Body.of(Bid(0)))
                }.reason shouldBe "the amount must be positive"

                seconds.send(3)
                awaitItem().run { type to decode<Int>() } shouldBe ("countdown" to 3)
                seconds.close()

                (awaitError() as LiveException).reason shouldBe
                    "the server unsubscribed this client from topic 'auction/vase': the auction is closed"
            }
            reports.receive() shouldBe "ann: 2 bids"
        }
    }
})

private class FakeAuctions(private val seconds: Channel<Int>) : Auctions {
    override fun countdown(item: String): Flow<Int> = seconds.consumeAsFlow()

    override suspend fun bids(item: String, newest: Int): List<Bid> = listOf(Bid(newest))
}
