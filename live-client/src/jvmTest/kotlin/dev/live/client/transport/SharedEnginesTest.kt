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

    test("clients get their own engines up to the limit, then share the engines with the fewest clients") {
        val engines = SharedEngines(limit = 2)
        val clients = List(4) { engines.newClient {} }

        clients.map { it.engine }.distinct() shouldHaveSize 2
        clients[2].engine shouldNotBe clients[3].engine
        clients.forEach { it.close() }
    }

    test("a client keeps working when a client with the same engine is closed repeatedly") {
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

    test("an engine is closed with its last client, and the next client gets a new one") {
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

    test("a client that fails to start does not keep its engine open") {
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
