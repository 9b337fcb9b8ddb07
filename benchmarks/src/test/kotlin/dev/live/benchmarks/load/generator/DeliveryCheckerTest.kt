package dev.live.benchmarks.load.generator

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class DeliveryCheckerTest :
    FunSpec({
        test("a publish is complete when its last subscriber has received it") {
            val checker = DeliveryChecker(Layout(topics = 2, perTopic = 2, clients = 4))
            val message = checker.publish(1)

            checker.deliver(1, message) shouldBe false
            checker.deliver(3, message) shouldBe true

            checker.open shouldBe 0
            checker.lost() shouldBe 0
        }

        test("a missing delivery is lost") {
            val checker = DeliveryChecker(Layout(topics = 1, perTopic = 2, clients = 2))
            val messages = List(3) { checker.publish(0) }

            for (message in messages) checker.deliver(0, message)
            checker.deliver(1, messages[2])

            checker.lost() shouldBe 2
            checker.outOfOrder shouldBe 0
        }

        test("messages of two publishers have no order between them") {
            val checker = DeliveryChecker(Layout(topics = 1, perTopic = 1, clients = 1), publishers = 2)
            val first = List(2) { checker.publish(0, publisher = 0) }
            val second = List(2) { checker.publish(0, publisher = 1) }

            for (message in listOf(second[0], first[0], second[1])) checker.deliver(0, message)

            checker.outOfOrder shouldBe 0
            checker.lastPublisher shouldBe 1
            checker.open shouldBe 1
            checker.lost() shouldBe 1
        }

        test("messages of one publisher have an order among those of others") {
            val checker = DeliveryChecker(Layout(topics = 1, perTopic = 1, clients = 1), publishers = 2)
            val messages = List(4) { checker.publish(0, publisher = it % 2) }

            for (i in listOf(2, 1, 0, 3)) checker.deliver(0, messages[i])

            checker.outOfOrder shouldBe 1
            checker.lost() shouldBe 0
        }

        test("a late delivery is out of order and not lost") {
            val checker = DeliveryChecker(Layout(topics = 1, perTopic = 1, clients = 1))
            val messages = List(3) { checker.publish(0) }

            for (i in listOf(0, 2, 1)) checker.deliver(0, messages[i])

            checker.outOfOrder shouldBe 1
            checker.lost() shouldBe 0
            checker.open shouldBe 0
        }

        test("a duplicate counts once") {
            val checker = DeliveryChecker(Layout(topics = 1, perTopic = 2, clients = 2))
            val message = checker.publish(0)

            repeat(3) { checker.deliver(0, message) }

            checker.duplicates shouldBe 2
            checker.open shouldBe 1
        }

        test("a delivery without a subscription or without a publish is a stray") {
            val checker = DeliveryChecker(Layout(topics = 2, perTopic = 1, clients = 2))
            val message = checker.publish(1)

            checker.deliver(0, message)
            checker.deliver(0, 12_345)

            checker.strays shouldBe 2
        }

        test("topics are spread over few clients") {
            val layout = Layout(topics = 10, perTopic = 1, clients = 3)

            layout.topicsOf(1).toList() shouldBe listOf(1, 4, 7)
            layout.subscription(1, 4) shouldBe 4
            layout.subscription(1, 5) shouldBe -1
        }
    })
