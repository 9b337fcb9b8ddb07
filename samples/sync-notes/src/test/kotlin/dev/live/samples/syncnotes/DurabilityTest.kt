package dev.live.samples.syncnotes

import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldContainExactly

class DurabilityTest : FunSpec({

    test("what was acknowledged a moment before SIGKILL is there afterwards") {
        val database = tempdir().toPath().resolve("server")
        val ids = List(30) { "c$it" } // more of them only make it likelier that one is lost
        ServerProcess(database).use { server -> ids.forEach { server.post(LIST, it) } }

        ServerProcess(database).use { server ->
            server.log(LIST).map { it.changeId } shouldContainExactly ids
        }
    }
})
