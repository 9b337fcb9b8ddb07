package dev.live.server.transport

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class TransportSettingTest : FunSpec({

    test("a transport is found by its name in any case") {
        Transport.of("auto") shouldBe Transport.Auto
        Transport.of("Portable") shouldBe Transport.Portable
    }

    test("a name that no transport has is refused with those that there are") {
        shouldThrow<IllegalArgumentException> { Transport.of("epoll") }.message shouldBe
            "transport must be one of 'auto', 'portable', was 'epoll'"
    }
})
