package dev.live.client.transport

import dev.live.client.HANG_TIMEOUT
import dev.live.client.TinyServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.ktor.client.HttpClient
import io.ktor.client.request.get
import kotlinx.coroutines.job
import kotlinx.coroutines.withTimeout

class SharedEnginesTest : FunSpec({

    test("as many clients as there may be engines have one each, and more share those with the fewest") {
        val engines = SharedEngines(limit = 2)
        val clients = List(4) { engines.newClient {} }

        clients.map { it.engine }.distinct() shouldHaveSize 2
        clients[2].engine shouldNotBe clients[3].engine
        clients.forEach { it.close() }
    }

    test("a client goes on when one that shares its engine is closed, however often") {
        TinyServer().use { server ->
            val engines = SharedEngines(limit = 1)
            val (first, second) = List(2) { engines.newClient {} }
            second.status(server) shouldBe 404

            first.close()
            first.close()

            second.status(server) shouldBe 404
            second.close()
        }
    }

    test("an engine ends with the last of its clients, and who comes then has a new one") {
        val engines = SharedEngines(limit = 1)
        val clients = List(2) { engines.newClient {} }
        clients.forEach { it.close() }

        withTimeout(HANG_TIMEOUT) {
            clients.last().engine.coroutineContext.job.join()
        }
        val next = engines.newClient {}
        next.engine shouldNotBe clients.last().engine
        next.close()
    }

    test("a client that cannot be made leaves no share behind") {
        val engines = SharedEngines(limit = 1)
        val first = engines.newClient {}
        runCatching { engines.newClient { error("no") } }.isFailure shouldBe true
        first.close()

        withTimeout(HANG_TIMEOUT) {
            first.engine.coroutineContext.job.join()
        }
    }
})

private suspend fun HttpClient.status(server: TinyServer): Int =
    get(server.url.replace("ws://", "http://") + "/nothing").status.value
