package dev.live.samples.syncnotes

import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldContainExactly

class DurabilityTest : FunSpec({

    test("edits acknowledged just before SIGKILL are not lost") {
        val database = tempdir().toPath().resolve("server")
        val ids = List(30) { "c$it" } // more edits increase the chance of detecting a loss
        ServerProcess(database).use { server -> ids.forEach { server.post(LIST, it) } }

        ServerProcess(database).use { server ->
            server.log(LIST).map { it.changeId } shouldContainExactly ids
        }
    }
})
