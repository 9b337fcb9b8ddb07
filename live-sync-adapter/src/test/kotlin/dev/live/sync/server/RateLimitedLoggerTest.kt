package dev.live.sync.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TestTimeSource

class RateLimitedLoggerTest : FunSpec({

    test("the first line is due at once, and the next one after the interval") {
        val clock = TestTimeSource()
        val logger = RateLimitedLogger(10.seconds, clock)
        List(3) { logger.isDue() } shouldBe listOf(true, false, false)
        clock += 9.seconds
        logger.isDue() shouldBe false
        clock += 1.seconds
        List(2) { logger.isDue() } shouldBe listOf(true, false)
    }
})
