package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.peer.NpmPeers
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.maps.shouldContainKey
import io.kotest.matchers.maps.shouldContainKeys
import io.kotest.matchers.maps.shouldNotContainKey
import io.kotest.matchers.shouldBe

class MachineTest : FunSpec({

    test("a machine without other servers does not read their versions, which exist only in the repository") {
        val machine = Machine.here("java", "-Xmx1g", pinned = false, "soak")

        machine.versions shouldContainKey "Ktor"
        machine.versions shouldNotContainKey "ws"
    }

    test("a machine contains the versions of the other servers") {
        val machine = Machine.here("java", "-Xmx1g", pinned = false, "report", NpmPeers.versions())

        machine.versions.shouldContainKeys("ws", "socket.io", "bun", "Ktor")
    }

    test("a Java that does not exist has an unknown version") {
        Machine.here("no-such-java", "", pinned = false, "report").java shouldBe "unknown"
    }
})
