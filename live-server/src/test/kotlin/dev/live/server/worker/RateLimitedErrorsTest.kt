package dev.live.server.worker

import dev.live.server.support.CapturedLogs
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.string.shouldStartWith

class RateLimitedErrorsTest : FunSpec({

    test("the first failure is logged, then at most one a minute") {
        var time = -5L
        CapturedLogs("dev.live.server.worker").use { logs ->
            val errors = RateLimitedErrors("The check failed.") { time }

            repeat(3) { errors.log(IllegalStateException("broken")) }
            logs.messages.single() shouldStartWith "The check failed."
            time += 59_999_999_999
            errors.log(IllegalStateException("broken"))
            logs.messages.shouldHaveSize(1)
            time++
            repeat(3) { errors.log(IllegalStateException("broken")) }

            logs.messages.shouldHaveSize(2)
        }
    }
})
