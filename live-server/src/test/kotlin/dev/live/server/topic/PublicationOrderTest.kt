package dev.live.server.topic

import dev.live.protocol.Position
import dev.live.server.dialect.DialectTable
import dev.live.server.dialect.ServerEvent
import dev.live.server.support.FakeCodec
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.shuffle
import io.kotest.property.checkAll

class PublicationOrderTest : FunSpec({

    test("publications in any order, some of them twice, are accepted once and in order") {
        checkAll(Arb.shuffle((1..20).toList()), Arb.list(Arb.int(1..20), 0..20)) { arrivals, repeated ->
            val order = PublicationOrder().apply { skipTo(at(0)) }

            val accepted = (arrivals.zip(repeated).flatMap { it.toList() } + arrivals).flatMap { order.arrived(it) }

            accepted shouldContainExactly (1..20).toList()
            order.hasHole shouldBe false
            order.position shouldBe at(20)
        }
    }

    test("a publication after a hole is held until the hole is filled") {
        val order = PublicationOrder().apply { skipTo(at(5)) }

        order.arrived(7) shouldContainExactly emptyList()
        order.hasHole shouldBe true
        order.arrived(6) shouldContainExactly listOf(6, 7)
        order.hasHole shouldBe false
    }

    test("more publications than can be held leave a hole, until the newest of them is accepted") {
        val order = PublicationOrder().apply { skipTo(at(0)) }
        for (offset in 2..400) order.arrived(offset)

        order.arrived(1) shouldContainExactly (1..257).toList()

        order.hasHole shouldBe true
        for (offset in 258..400) order.arrived(offset)
        order.hasHole shouldBe false
    }

    test("publications of an ended epoch are dropped, and those of an unknown one are held") {
        val order = PublicationOrder().apply { skipTo(at(3)) }

        order.accept(message(at(2, epoch = "b"))) shouldBe false
        order.hasHole shouldBe true
        order.skipTo(at(1, epoch = "b"))

        order.acceptHeld()?.position shouldBe at(2, epoch = "b")
        order.accept(message(at(4))) shouldBe false
        order.hasHole shouldBe false
        order.position shouldBe at(2, epoch = "b")
    }

    test("the first publication starts the order, and earlier ones are late") {
        val order = PublicationOrder()

        order.arrived(8) shouldContainExactly listOf(8)

        order.arrived(7) shouldContainExactly emptyList()
        order.hasHole shouldBe false
    }

    test("a late publication of an unknown epoch is dropped when the history is still in the current one") {
        val order = PublicationOrder().apply { skipTo(at(3)) }
        order.accept(message(at(9, epoch = "old")))

        order.foreignEpochs shouldBe setOf("old")
        order.end(order.foreignEpochs)

        order.hasHole shouldBe false
        order.accept(message(at(10, epoch = "old"))) shouldBe false
        order.hasHole shouldBe false
    }
})

private fun at(offset: Long, epoch: String = "a") = Position(epoch, offset)

private fun message(position: Position) =
    PreparedMessage(ServerEvent.Sent(textMessage("x")), DialectTable(listOf(FakeCodec())), position = position)

/** The offsets that are accepted when [offset] arrives. */
private fun PublicationOrder.arrived(offset: Int): List<Int> {
    val first = message(at(offset.toLong()))
    if (!accept(first)) return emptyList()
    return listOf(first).plus(generateSequence { acceptHeld() }).map { it.position!!.offset.toInt() }
}
