package dev.live.samples.syncnotes

import dev.live.samples.syncnotes.wire.Page
import dev.live.samples.syncnotes.wire.Posted
import dev.live.samples.syncnotes.wire.Problem
import dev.live.samples.syncnotes.wire.Rules
import dev.live.samples.syncnotes.wire.StoredEdit
import dev.live.sync.client.syncSignals
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.client.request.get
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.HttpResponse
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.contentType
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.serialization.json.Json
import java.nio.file.Path

class ChangesApiTest : FunSpec({

    test("posted edits are returned after a cursor, and a repeated post is ignored") {
        withNotes {
            val first = post("""{"scope":"a b","since":0,"edits":[${edit("c1")},${edit("c2", "Größe ✓ 😀")}]}""")
            val again = post("""{"scope":"a b","since":1,"edits":[${edit("c2")}]}""")
            val page = get("/changes?scope=a%20b&since=1")

            first.read<Posted>() shouldBe Posted(listOf(StoredEdit("c1", 1), StoredEdit("c2", 2)), 2)
            again.read<Posted>() shouldBe Posted(listOf(StoredEdit("c2", 2)), 2)
            page.headers[HttpHeaders.CacheControl] shouldBe "no-store"
            page.read<Page>().changes.map { it.text } shouldContainExactly listOf("Größe ✓ 😀")
        }
    }

    test("a deletion is a change without a text") {
        withNotes {
            post("""{"scope":"a","since":0,"edits":[{"changeId":"c1","noteId":"n1","text":"","deleted":true}]}""")

            get("/changes?scope=a&since=0").read<Page>().changes.map { it.deleted } shouldContainExactly listOf(true)
        }
    }

    for ((query, reason) in listOf(
        "" to "scope is empty; use a list name such as groceries",
        "?scope=%20&since=0" to "scope is empty; use a list name such as groceries",
        "?scope=${"s".repeat(101)}&since=0" to "scope has 101 characters, 100 are allowed; use a shorter name",
        "?scope=${"木".repeat(83)}ab&since=0" to
            "scope has 251 bytes of UTF-8, 250 are allowed; use a shorter name",
        "?scope=a%00b&since=0" to "scope has control characters or unpaired surrogates; remove them",
        "?scope=a%0Ab&since=0" to "scope has control characters or unpaired surrogates; remove them",
        "?scope=a%09b&since=0" to "scope has control characters or unpaired surrogates; remove them",
        "?scope=a" to "since must be an integer of at least 0, was ''; start with since=0",
        "?scope=a&since=-1" to "since must be an integer of at least 0, was '-1'; start with since=0",
        "?scope=a&since=1.5" to "since must be an integer of at least 0, was '1.5'; start with since=0",
        "?scope=a&since=9223372036854775808" to
            "since must be an integer of at least 0, was '9223372036854775808'; start with since=0",
    )) {
        test("GET /changes${query.take(40)} is rejected: $reason") {
            withNotes {
                val response = get("/changes$query")

                response.status.value shouldBe 400
                response.read<Problem>() shouldBe Problem("bad_request", reason)
            }
        }
    }

    val tooMany = (1..101).joinToString(",") { edit("c$it") }
    for ((body, reason) in listOf(
        "" to "the body is not a valid batch",
        "[]" to "the body is not a valid batch",
        """{"scope":"a","edits":[]}""" to "Field 'since' is required",
        """{"scope":"a","since":-5,"edits":[${edit("c")}]}""" to "since must be an integer",
        """{"scope":"","since":0,"edits":[${edit("c")}]}""" to "scope is empty",
        """{"scope":"a","since":0,"edits":[]}""" to "edits is empty; send 1 to 100 edits",
        """{"scope":"a","since":0,"edits":[$tooMany]}""" to
            "edits has 101 edits, 100 are allowed; split the batch",
        """{"scope":"a","since":0,"edits":[${edit("c1")},${edit("")}]}""" to
            "edits[1].changeId must be 1 to 64 letters",
        """{"scope":"a","since":0,"edits":[${edit("a b")}]}""" to "edits[0].changeId must be",
        """{"scope":"a","since":0,"edits":[${edit("c", note = "n".repeat(65))}]}""" to "edits[0].noteId must be",
        """{"scope":"a","since":0,"edits":[${edit("c", "x".repeat(2_001))}]}""" to
            "edits[0].text has 2001 characters, 2000 are allowed; split the note",
        """{"scope":"a","since":0,"edits":[${edit("c", " ")}]}""" to "edits[0].text is empty; to delete the note,",
        """{"scope":"a","since":0,"edits":[${edit("c", "\\u0000")}]}""" to "edits[0].text has control characters",
        """{"scope":"a","since":0,"edits":[${edit("c", "\\ud83d")}]}""" to
            "edits[0].text has control characters or unpaired",
        """{"scope":"a","since":0,"edits":[{"changeId":"c","noteId":"n","text":"t","deleted":true}]}""" to
            "edits[0].text must be empty if deleted is true",
        """{"scope":"a","since":0,"edits":[{"changeId":"c","noteId":"n","text":"t","author":"${"a".repeat(41)}"}]}""" to
            "edits[0].author has 41 characters",
    )) {
        test("POST /changes with ${body.take(60)} is rejected: ${reason.take(60)}") {
            withNotes {
                val response = post(body)

                response.status.value shouldBe 400
                response.read<Problem>().reason shouldContain reason
                get("/changes?scope=a&since=0").read<Page>().cursor shouldBe 0
            }
        }
    }

    test("the largest valid batch is accepted") {
        withNotes {
            val edits = (1..100).joinToString(",") { edit("c$it".padEnd(64, '-'), "木".repeat(2_000), "n".repeat(64)) }

            post("""{"scope":"${"s".repeat(100)}","since":0,"edits":[$edits]}""").read<Posted>().cursor shouldBe 100
        }
    }

    test("a body that is too large, not JSON or not UTF-8 is rejected") {
        withNotes {
            post(" ".repeat((1 shl 20) + 1)).also { it.status.value shouldBe 413 }
                .read<Problem>().reason shouldContain "send fewer edits per request"
            httpClient.post("/changes") { setBody("{}") }.status.value shouldBe 415
            val latin = httpClient.post("/changes") {
                contentType(ContentType.Application.Json)
                setBody(byteArrayOf('"'.code.toByte(), -28, '"'.code.toByte()))
            }
            latin.status.value shouldBe 400
            latin.read<Problem>().reason shouldContain "UTF-8"
        }
    }

    test("a cursor after the end of the log is rejected with ahead_of_log") {
        withNotes {
            post("""{"scope":"a","since":0,"edits":[${edit("c1")}]}""")

            val responses =
                listOf(
                    get("/changes?scope=a&since=2"),
                    post("""{"scope":"a","since":2,"edits":[${edit("c2")}]}"""),
                )

            responses.map { it.status.value } shouldContainExactly listOf(409, 409)
            responses.map { it.read<Problem>() }.distinct() shouldContainExactly
                listOf(
                    Problem(
                        "ahead_of_log",
                        "since is 2, but the log ends at 1: this log is older; " +
                            "discard the pulled changes and pull with since=0",
                    ),
                )
        }
    }

    test("subscribers are notified of a post") {
        withNotes {
            val client = connect()
            coroutineScope {
                val signal = async { client.syncSignals("a").first { it == 1uL } }

                post("""{"scope":"a","since":0,"edits":[${edit("c1")}]}""")

                signal.await() shouldBe 1uL
            }
        }
    }

    for (scope in listOf("s".repeat(100), "${"木".repeat(83)}s", "a/b//", " *{x}… ")) {
        test("a valid list can be subscribed to: '$scope'") {
            Rules.ofScope(scope) shouldBe null
            withNotes {
                post("""{"scope":"$scope","since":0,"edits":[${edit("c1")}]}""").status.value shouldBe 200

                connect().syncSignals(scope).first() shouldBe 1uL
            }
        }
    }

    test("after a restart a subscriber receives the stored cursor") {
        val file = tempdir().toPath().resolve("log")
        withNotes(file) { post("""{"scope":"a","since":0,"edits":[${edit("c1")},${edit("c2")}]}""") }

        withNotes(file) { connect().syncSignals("a").first() shouldBe 2uL }
    }
})

private fun edit(id: String, text: String = "milk", note: String = "n1") =
    """{"changeId":"$id","noteId":"$note","text":"$text"}"""

private suspend fun FunSpec.withNotes(
    file: Path = tempdir().toPath().resolve("log"),
    block: suspend LiveTest.() -> Unit,
): Unit = testLive({ syncNotes(file) }, test = block)

private suspend fun LiveTest.get(path: String): HttpResponse = httpClient.get(path)

private suspend fun LiveTest.post(body: String): HttpResponse =
    httpClient.post("/changes") {
        contentType(ContentType.Application.Json)
        setBody(body)
    }

private suspend inline fun <reified T> HttpResponse.read(): T = Json.decodeFromString(bodyAsText())
