package dev.live.samples.syncpostgres

import dev.live.client.LiveClient
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.sync.client.syncSignals
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeMonotonicallyIncreasing
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.client.HttpClient
import io.ktor.client.request.get
import io.ktor.client.request.prepareGet
import io.ktor.client.statement.bodyAsChannel
import io.ktor.client.statement.bodyAsText
import io.ktor.http.HttpStatusCode
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.utils.io.readLine
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.minutes

class SyncPostgresTest : FunSpec({

    val postgres by lazy {
        TestPostgres()
    }.also { server -> afterSpec { if (server.isInitialized()) server.value.close() } }

    test("a client is notified of commits, and not of rollbacks") {
        val database = TestDatabase.on(postgres)
        database.write("list/42")
        asAnn(database) { ann ->
            val cursors = cursorsOf(ann, "list/42")
            val others = cursorsOf(ann, "list/of ann and bob")
            cursors.next() shouldBe 1uL
            others.next() shouldBe 0uL

            database.connect().use { connection ->
                connection.autoCommit = false
                // in one statement: of three, the first could be notified, and has the number of the commit below
                connection.run(
                    "INSERT INTO changes (scope, body) SELECT 'list/42', n FROM generate_series(1, 3) AS n",
                )
                connection.rollback()
            }
            database.write("list/of ann and bob")
            others.next() shouldBe 1uL
            database.write("list/42")

            cursors.next() shouldBe 2uL
        }
        database.awaitNoListener()
    }

    test("a client is notified of commits during a lost database connection") {
        val database = TestDatabase.on(postgres)
        asAnn(database) { ann ->
            val cursors = cursorsOf(ann, "list/42")
            cursors.next() shouldBe 0uL
            database.write("list/42")
            cursors.next() shouldBe 1uL
            database.connect().use { writer ->
                val listener = database.listeners().single()
                database.allowConnections(false)
                writer.run("SELECT pg_terminate_backend($listener, 60000)")
                writer.run("INSERT INTO changes (scope, body) VALUES ('list/42', 'x')")
            }
            database.allowConnections(true)

            cursors.next() shouldBe 2uL
        }
    }

    test("with eight concurrent writers a client receives increasing cursors up to the last") {
        val database = TestDatabase.on(postgres)
        asAnn(database) { ann ->
            val cursors = cursorsOf(ann, "list/42")
            cursors.next() shouldBe 0uL

            database.writeByEight("list/42", each = 25)

            val received = buildList { while (lastOrNull() != ALL) add(cursors.next()) }
            received.shouldBeMonotonicallyIncreasing()
        }
    }

    test("a new subscriber receives the cursor from the database without a notification") {
        val database = TestDatabase.on(postgres)
        database.write("list/42")
        asAnn(database) { ann ->
            val cursors = cursorsOf(ann, "list/42")
            cursors.next() shouldBe 1uL
            database.write("list/42")
            cursors.next() shouldBe 2uL // all cursors have been read
            database.run("INSERT INTO sync_scopes (scope, cursor) VALUES ('list/43', 7)")

            cursorsOf(ann, "list/43").next() shouldBe 7uL
        }
    }

    test("scopes other than lists are forbidden, for subscribes and reads") {
        val database = TestDatabase.on(postgres)
        testLive({ syncPostgres(database.url) }, timeout = 1.minutes) {
            val rejection =
                shouldThrow<LiveException> { connect("/live?name=ann").syncSignals("salaries").first() }

            rejection.code shouldBe ErrorCode.Forbidden
            httpClient.get("/changes?name=ann&scope=salaries").status shouldBe HttpStatusCode.Forbidden
            httpClient.get("/changes?scope=list/42").status shouldBe HttpStatusCode.Unauthorized
        }
    }

    test("changes after a cursor are returned in order, at most 500 per page") {
        val database = TestDatabase.on(postgres)
        database.run("INSERT INTO changes (scope, body) SELECT 'list/42', n FROM generate_series(1, 501) AS n")
        testLive({ syncPostgres(database.url) }, timeout = 1.minutes) {
            suspend fun pull(since: String) = httpClient.get("/changes?name=ann&scope=list/42&since=$since")

            pull("499").bodyAsText() shouldBe
                """{"cursor":501,"changes":[{"sequence":500,"body":"500"},{"sequence":501,"body":"501"}]}"""
            pull("501").bodyAsText() shouldBe """{"cursor":501,"changes":[]}"""
            pull("0").bodyAsText() shouldContain """"cursor":500,"""
            pull("-1").status shouldBe HttpStatusCode.BadRequest
        }
    }

    test("without a database a client can subscribe and receives no cursor") {
        testLive({ syncPostgres("jdbc:postgresql://127.0.0.1:1/none?user=nobody") }, timeout = 1.minutes) {
            val ack = connectRaw("/live?name=ann").request(Message(MessageType.SUBSCRIBE, "sync:list/42", ref = "1"))

            ack.type shouldBe MessageType.ACK
            ack.body shouldBe null
        }
    }

    test("with eight writers on Netty, a follower prints each change once in order, and SSE delivers a cursor") {
        val database = TestDatabase.on(postgres)
        val server = embeddedServer(Netty, port = 0, host = "127.0.0.1") { syncPostgres(database.url) }.startSuspend()
        try {
            val host = "127.0.0.1:${server.engine.resolvedConnectors().single().port}"
            val lines = Channel<String>(Channel.UNLIMITED)
            coroutineScope {
                val follower = launch(Dispatchers.Default) { follow(host, "list/42") { lines.trySend(it) } }
                lines.next { it.startsWith("InSync(0") }

                database.writeByEight("list/42", each = 25)

                val expected = List(ALL.toInt()) { "${it + 1}: x" }
                List(ALL.toInt()) { lines.next { ": " in it && it.first().isDigit() } } shouldContainExactly expected
                lines.next { it == "InSync($ALL)" }
                follower.cancelAndJoin()
            }
            firstEvent("http://$host/live/sse?name=curl&topic=sync:list/42") shouldContain """{"cursor":$ALL}"""
        } finally {
            server.stopSuspend(0, 1_000)
        }
        database.awaitNoListener()
    }
})

private const val ALL = 200uL // changes of eight writers

/** Runs [test] with a client of a server on [database], and cancels its coroutines afterwards. */
private fun asAnn(database: TestDatabase, test: suspend CoroutineScope.(LiveClient) -> Unit) {
    testLive({ syncPostgres(database.url) }, timeout = 1.minutes) {
        val ann = connect("/live?name=ann")
        coroutineScope {
            test(ann)
            coroutineContext.cancelChildren()
        }
    }
}

private fun CoroutineScope.cursorsOf(live: LiveClient, scope: String): ReceiveChannel<ULong> {
    val cursors = Channel<ULong>(Channel.UNLIMITED)
    launch(Dispatchers.Unconfined) { live.syncSignals(scope).collect { cursors.send(it) } }
    return cursors
}

private suspend fun <T> ReceiveChannel<T>.next(isWanted: (T) -> Boolean = { true }): T =
    withTimeout(1.minutes) {
        while (true) receive().let { if (isWanted(it)) return@withTimeout it }
        error("unreachable")
    }

/** The first event of a stream. */
private suspend fun firstEvent(url: String): String =
    HttpClient().use { http ->
        http.prepareGet(url).execute { response ->
            val lines = response.bodyAsChannel()
            withTimeout(1.minutes) {
                flow { while (true) emit(lines.readLine() ?: break) }.first { it.startsWith("data:") }
            }
        }
    }
