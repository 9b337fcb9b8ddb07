package dev.live.server.broker

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.microseconds

class NodeStatusTest : FunSpec({

    test("a status arrives as it was reported") {
        val status =
            NodeStatus(
                "a",
                sessions = 3,
                topics = 2,
                isDraining = true,
                lag = 1_500.microseconds,
                reconnects = 4,
                dropped = 5,
                gaps = 6,
            )

        NodeStatus.of("a", status.toReport()).toString() shouldBe status.toString()
    }

    test("a report of another version or program is read as far as possible") {
        val status = NodeStatus.of("a", "sessions=3 new=1 topics=x =")

        status.sessions shouldBe 3
        status.topics shouldBe 0
        status.lag shouldBe null
        NodeStatus.of("a", "").sessions shouldBe 0
    }
})
