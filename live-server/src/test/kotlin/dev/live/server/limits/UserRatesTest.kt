package dev.live.server.limits

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.matchers.types.shouldNotBeSameInstanceAs
import io.kotest.property.Arb
import io.kotest.property.arbitrary.boolean
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope

class UserRatesTest : FunSpec({

    test("a user's bucket exists while the user has a session") {
        val rates = UserRates(Rate(perSecond = 1, burst = 1))
        val first = rates.retain("ann", 0)

        rates.retain("ann", 0) shouldBeSameInstanceAs first
        rates.release("ann")
        rates.retain("ann", 0) shouldBeSameInstanceAs first
        rates.release("ann")
        rates.release("ann")

        rates.size shouldBe 0
        rates.retain("ann", 0) shouldNotBeSameInstanceAs first
    }

    test("users without a session are not stored") {
        val steps = Arb.list(Arb.pair(Arb.element("ann", "bob", "cid"), Arb.boolean()), 0..100)
        checkAll(steps) { joinsAndLeaves ->
            val rates = UserRates(Rate(perSecond = 1, burst = 1))
            val sessions = mutableMapOf<String, Int>()
            for ((user, joins) in joinsAndLeaves) {
                val count = sessions[user] ?: 0
                if (joins) {
                    rates.retain(user, 0)
                    sessions[user] = count + 1
                } else if (count > 0) {
                    rates.release(user)
                    sessions[user] = count - 1
                }

                rates.size shouldBe sessions.count { it.value > 0 }
            }
        }
    }

    test("concurrent takes pass no more than the burst") {
        val rate = UserRates(Rate(perSecond = 1, burst = 1_000)).retain("ann", 0)

        val passed = coroutineScope {
            List(4) { async(Dispatchers.Default) { List(1_000) { rate.take(0) }.count { it == 0L } } }.awaitAll().sum()
        }

        passed shouldBe 1_000
    }
})
