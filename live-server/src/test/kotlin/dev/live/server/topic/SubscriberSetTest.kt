package dev.live.server.topic

import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.FakeSubscriber
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.choice
import io.kotest.property.arbitrary.constant
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.map
import io.kotest.property.checkAll

class SubscriberSetTest : FunSpec({

    test("the set contains and delivers to exactly the subscribers added and not removed") {
        checkAll(Arb.list(arbStep, 0..300)) { steps ->
            val all = List(SUBSCRIBERS) { FakeSubscriber("s$it") }
            val expected = all.associateWith { mutableListOf<String>() }
            val model = LinkedHashSet<FakeSubscriber>()
            val set = SubscriberSet()

            for ((number, step) in steps.withIndex()) {
                when (step) {
                    is Step.Add -> set.add(all[step.subscriber]).also { model += all[step.subscriber] }
                    is Step.Remove -> set.remove(all[step.subscriber]).also { model -= all[step.subscriber] }
                    Step.Deliver -> set.deliver(prepared(textMessage("$number"))).also {
                        for (member in model) expected.getValue(member) += "$number"
                    }
                }
                set.size shouldBe model.size
                for (subscriber in all) {
                    if (subscriber in
                        model
                    ) {
                        subscriber.index shouldBeInRange 0..<set.size
                    } else {
                        subscriber.index shouldBe -1
                    }
                }
            }

            for (subscriber in all) subscriber.texts() shouldContainExactly expected.getValue(subscriber)
        }
    }

    test("a batch is delivered as one, or message by message where it does not fit or excludes the subscriber") {
        val ann = FakeSubscriber("ann")
        val bob = FakeSubscriber("bob").apply { maxBatch = 2 }
        val eve = FakeSubscriber("eve")
        val set = SubscriberSet().apply { listOf(ann, bob, eve).forEach(::add) }
        val messages =
            listOf(prepared(textMessage("a"), except = "ann")) + listOf("b", "c").map { prepared(textMessage(it)) }

        set.deliver(MessageBatch(messages, codecs))

        ann.texts() shouldBe listOf("b", "c")
        bob.texts() shouldBe listOf("a", "b", "c")
        eve.texts() shouldBe listOf("a", "b", "c")
        listOf(ann, bob, eve).map { it.batchSizes } shouldBe listOf(emptyList(), emptyList(), listOf(3))
    }

    test("only the message of a batch that cannot be encoded fails") {
        val bob = FakeSubscriber("bob")
        val eve = FakeSubscriber("eve").apply { failure = IllegalStateException("the subscriber is broken") }
        val set = SubscriberSet().apply { listOf(eve, bob).forEach(::add) }
        val broken = DialectTable(listOf(FakeCodec().apply { broken = true }))
        val messages = listOf(prepared(textMessage("a")), prepared(textMessage("b"), codecs = broken))

        shouldThrow<IllegalStateException> { set.deliver(MessageBatch(messages, codecs)) }

        bob.texts() shouldBe listOf("a", "b") // the fake does not encode single messages
        bob.batchSizes shouldBe emptyList()
    }

    test("a message does not reach the session in except") {
        val publisher = FakeSubscriber("ann")
        val other = FakeSubscriber("bob")
        val set = SubscriberSet().apply {
            add(publisher)
            add(other)
        }

        set.deliver(prepared(textMessage("a"), except = "ann"))

        publisher.texts() shouldBe emptyList()
        other.texts() shouldBe listOf("a")
    }
})

private val codecs = DialectTable(listOf(FakeCodec()))

private const val SUBSCRIBERS = 40

private sealed interface Step {
    data class Add(val subscriber: Int) : Step

    data class Remove(val subscriber: Int) : Step

    data object Deliver : Step
}

private val arbStep: Arb<Step> =
    Arb.choice(
        Arb.int(0..<SUBSCRIBERS).map { Step.Add(it) },
        Arb.int(0..<SUBSCRIBERS).map { Step.Add(it) }, // twice, so that the set mostly grows
        Arb.int(0..<SUBSCRIBERS).map { Step.Remove(it) },
        Arb.constant(Step.Deliver),
    )
