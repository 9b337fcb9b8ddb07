package dev.live.benchmarks.load

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class LedgerTest :
    FunSpec({
        test("a publish is complete when the last of its subscribers has it") {
            val ledger = Ledger(Layout(topics = 2, perTopic = 2, clients = 4))
            val message = ledger.publish(1)

            ledger.deliver(1, message) shouldBe false
            ledger.deliver(3, message) shouldBe true

            ledger.open shouldBe 0
            ledger.lost() shouldBe 0
        }

        test("what did not arrive is lost") {
            val ledger = Ledger(Layout(topics = 1, perTopic = 2, clients = 2))
            val messages = List(3) { ledger.publish(0) }

            for (message in messages) ledger.deliver(0, message)
            ledger.deliver(1, messages[2])

            ledger.lost() shouldBe 2
            ledger.outOfOrder shouldBe 0
        }

        test("what arrives late is out of order and not lost") {
            val ledger = Ledger(Layout(topics = 1, perTopic = 1, clients = 1))
            val messages = List(3) { ledger.publish(0) }

            for (i in listOf(0, 2, 1)) ledger.deliver(0, messages[i])

            ledger.outOfOrder shouldBe 1
            ledger.lost() shouldBe 0
            ledger.open shouldBe 0
        }

        test("what arrives twice counts once") {
            val ledger = Ledger(Layout(topics = 1, perTopic = 2, clients = 2))
            val message = ledger.publish(0)

            repeat(3) { ledger.deliver(0, message) }

            ledger.duplicates shouldBe 2
            ledger.open shouldBe 1
        }

        test("what nobody asked for, or nobody published, is a stray") {
            val ledger = Ledger(Layout(topics = 2, perTopic = 1, clients = 2))
            val message = ledger.publish(1)

            ledger.deliver(0, message)
            ledger.deliver(0, 12_345)

            ledger.strays shouldBe 2
        }

        test("few clients share many topics between them") {
            val layout = Layout(topics = 10, perTopic = 1, clients = 3)

            layout.topicsOf(1).toList() shouldBe listOf(1, 4, 7)
            layout.subscription(1, 4) shouldBe 4
            layout.subscription(1, 5) shouldBe -1
        }
    })
