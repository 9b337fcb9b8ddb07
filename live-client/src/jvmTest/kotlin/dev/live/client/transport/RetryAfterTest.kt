package dev.live.client.transport

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.http.fromHttpToGmtDate
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

class RetryAfterTest : FunSpec({

    val now = "Wed, 21 Oct 2026 07:28:00 GMT".fromHttpToGmtDate()

    for ((value, wait) in listOf(
        "7" to 7.seconds,
        " 7 " to 7.seconds,
        "0" to Duration.ZERO,
        "-3" to Duration.ZERO,
        "Wed, 21 Oct 2026 07:28:30 GMT" to 30.seconds,
        "Wed, 21 Oct 2026 07:27:00 GMT" to Duration.ZERO,
        "999999999" to 1.hours,
        "soon" to null,
        "" to null,
    )) {
        test("'$value' is parsed as $wait") {
            parseRetryAfter(value, now) shouldBe wait
        }
    }
})
