package dev.live.client.transport

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import kotlinx.coroutines.job

class SharedEngineTest : FunSpec({

    test("clients that are open together have one engine, which ends with the last of them") {
        val shared = SharedEngine()
        val first = shared.newClient {}
        val second = shared.newClient {}
        second.engine shouldBe first.engine

        first.close()
        first.close()
        second.engine.coroutineContext.job.isActive shouldBe true

        second.close()
        second.engine.coroutineContext.job.join()
    }

    test("a client that comes after the last has a new engine") {
        val shared = SharedEngine()
        val first = shared.newClient {}
        first.close()

        val second = shared.newClient {}

        second.engine shouldNotBe first.engine
        second.engine.coroutineContext.job.isActive shouldBe true
        second.close()
    }
})
