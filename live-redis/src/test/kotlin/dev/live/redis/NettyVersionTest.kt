package dev.live.redis

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldHaveSize
import io.netty.util.Version

class NettyVersionTest : FunSpec({

    test("Lettuce and Ktor's engine use the same version of Netty") {
        val versions = Version.identify()

        versions.keys shouldContain "netty-resolver-dns"
        versions.keys shouldContain "netty-codec-http2"
        versions.values.map { it.artifactVersion() }.toSet() shouldHaveSize 1
    }
})
