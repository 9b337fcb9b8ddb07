package dev.live.sync.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TestTimeSource

class RateLimitedLoggerTest : FunSpec({

    test("the first line is due at once, and the next when its time is over") {
        val clock = TestTimeSource()
        val pace = RateLimitedLogger(10.seconds, clock)
        List(3) { pace.isDue() } shouldBe listOf(true, false, false)
        clock += 9.seconds
        pace.isDue() shouldBe false
        clock += 1.seconds
        List(2) { pace.isDue() } shouldBe listOf(true, false)
    }
})
