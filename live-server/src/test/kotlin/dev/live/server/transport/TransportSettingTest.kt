package dev.live.server.transport

import dev.live.server.Live
import dev.live.server.LiveConfig
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.config.MapApplicationConfig
import io.ktor.server.testing.testApplication

class TransportSettingTest : FunSpec({

    test("a transport is found by its name in any case") {
        Transport.of("auto") shouldBe Transport.Auto
        Transport.of("Portable") shouldBe Transport.Portable
    }

    test("a name that no transport has is refused with those that there are") {
        shouldThrow<IllegalArgumentException> { Transport.of("epoll") }.message shouldBe
            "transport must be one of 'auto', 'portable', was 'epoll'"
    }

    test("the configuration file wins over the code") {
        installed("portable", inCode = Transport.Auto) shouldBe Transport.Portable
        installed("auto", inCode = Transport.Portable) shouldBe Transport.Auto
    }

    test("an unknown transport in the configuration file keeps the application from starting") {
        shouldThrow<IllegalArgumentException> { installed("fast", inCode = Transport.Auto) }.message shouldBe
            "live.transport: transport must be one of 'auto', 'portable', was 'fast'"
    }
})

/** What a server with [property] in its configuration file and [inCode] takes. */
private suspend fun installed(property: String, inCode: Transport): Transport {
    lateinit var taken: LiveConfig
    testApplication {
        environment { config = MapApplicationConfig("live.transport" to property) }
        application {
            install(Live) {
                transport = inCode
                taken = this
            }
        }
        startApplication()
    }
    return taken.transport
}
