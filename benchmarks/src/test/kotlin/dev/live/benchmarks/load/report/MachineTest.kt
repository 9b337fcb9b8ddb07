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

    test("a processor has the numbers that identify it, as virtual machines often hide its name") {
        val cpuinfo = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n" +
            "cache size\t: 1024 KB\n\nprocessor\t: 1\nmodel\t\t: 99\n"

        Machine.processor(cpuinfo) shouldBe "AMD EPYC (family 25, model 17, stepping 1, 1024 KB cache)"
        Machine.processor("") shouldBe System.getProperty("os.arch")
        Machine.processor("model name\t: Cortex") shouldBe "Cortex"
    }

    test("a machine is quiet while others use little CPU time, whatever its load average") {
        MachineUse(load = 9.0, otherCpu = 0.02, steal = 0.0).isQuiet shouldBe true
        MachineUse(load = 0.0, otherCpu = 0.5, steal = 0.0).isQuiet shouldBe false
        MachineUse(load = 0.0, otherCpu = 0.0, steal = 0.2).isQuiet shouldBe false
    }
})
