package dev.live.server.transport

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class TransportSettingTest : FunSpec({

    test("a transport is found by name, ignoring case") {
        Transport.of("auto") shouldBe Transport.Auto
        Transport.of("Portable") shouldBe Transport.Portable
    }

    test("an unknown transport is rejected with the list of transports") {
        shouldThrow<IllegalArgumentException> { Transport.of("epoll") }.message shouldBe
            "transport must be one of 'auto', 'portable', was 'epoll'"
    }
})
