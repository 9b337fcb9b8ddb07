package dev.live.server.limits

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.boolean
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll

class AddressCounterTest : FunSpec({

    test("an address has at most the limit of connections and is removed with its last one") {
        checkAll(Arb.list(Arb.pair(Arb.element("1.2.3.4", "5.6.7.8", "::1"), Arb.boolean()), 0..100)) { steps ->
            val counter = AddressCounter(limit = 3)
            val open = mutableMapOf<String, Int>()
            for ((address, connects) in steps) {
                val count = open[address] ?: 0
                if (connects) {
                    counter.tryAdd(address) shouldBe (count < 3)
                    open[address] = minOf(3, count + 1)
                } else if (count > 0) {
                    counter.remove(address)
                    open[address] = count - 1
                }

                counter.size shouldBe open.count { it.value > 0 }
            }
        }
    }

    test("an IPv4 address is its own network") {
        networkOf("192.0.2.1") shouldBe "192.0.2.1"
        networkOf("::ffff:192.0.2.1") shouldBe "192.0.2.1"
    }

    test("addresses of one IPv6 /64 network share a key in any notation") {
        val network = networkOf("2001:db8:0:1::1")

        for (host in listOf("ffff:ffff:ffff:ffff", "0:0:0:2", ":2", ":2%eth0", "0000:0000:0000:0001")) {
            networkOf("2001:0DB8:0:1:$host") shouldBe network
        }
        networkOf("2001:db8:0:2::1") shouldNotBe network
        networkOf("::1") shouldBe networkOf("0:0:0:0:0:0:0:1")
    }

    test("text that is no address is its own key, without a DNS lookup") {
        val others = listOf("unknown", "localhost", "1:2", ":", "fe80::g", "example.com:80", "[::1]:80", "_hidden", "")
        for (other in others) {
            networkOf(other) shouldBe other
        }
    }
})
