package dev.live.samples.syncnotes

import dev.live.samples.syncnotes.wire.Change
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.minutes

/** The whole of it: a server and two terminal clients, each a process of its own, and SIGKILL. */
class ConvergenceTest : FunSpec({

    test("two clients converge over a killed server, an absence and a killed client, with each edit once") {
        val folder = tempdir().toPath()
        val database = folder.resolve("server")
        var server = ServerProcess(database)
        val ann = Person("ann", folder.resolve("ann.json"), server.url)
        val bob = Person("bob", folder.resolve("bob.json"), server.url)
        try {
            // both are there, and write at the same time
            coroutineScope {
                type(ann, 1..10, "ann, first")
                type(bob, 1..10, "bob, first")
            }
            converged(server, ann, bob)

            // bob is away; both change the same notes, and bob deletes one that ann changes
            bob.offline()
            ann.edit(1, "one, by ann")
            ann.edit(2, "two, by ann")
            bob.edit(1, "one, by bob") shouldBe true
            bob.delete(2) shouldBe true
            bob.add("added by bob while away") shouldBe true
            bob.list().toSend shouldBe 3

            // the server is killed while ann's edits are on their way; what anybody was shown of its log stays
            val told =
                coroutineScope {
                    val isEnough = CompletableDeferred<Unit>()
                    launch(Dispatchers.IO) {
                        var number = 0
                        while (!isEnough.isCompleted) ann.add("ann, meanwhile ${++number}") shouldBe true
                    }
                    try {
                        eventually(1.minutes) { server.log(LIST).size shouldBeGreaterThan 40 }
                        val told = server.log(LIST)
                        server.kill()
                        val atKill = ann.kept.size
                        eventually(1.minutes) { ann.kept.size shouldBeGreaterThan atKill + 5 } // without a server
                        told
                    } finally {
                        isEnough.complete(Unit)
                    }
                }

            // bob is back and finds nobody; ann is killed while she types, and comes back to her file
            bob.online()
            coroutineScope {
                val typing = type(ann, 1..1_000, "ann, killed")
                eventually(1.minutes) { ann.kept shouldContain "ann, killed 5" }
                ann.kill()
                typing.await() shouldBe false
            }
            ann.unsure.size shouldBe 1
            ann.startAgain()
            ann.list().toSend shouldBeGreaterThan 5

            server = ServerProcess(database, server.port)
            coroutineScope {
                type(ann, 1..10, "ann, last")
                type(bob, 1..10, "bob, last")
            }
            val log = converged(server, ann, bob)

            log.take(told.size) shouldContainExactly told
            val texts = log.filterNot { it.deleted }.map { it.text }
            texts.distinct().size shouldBe texts.size
            texts shouldContainAll ann.kept + bob.kept
            (ann.kept + ann.unsure + bob.kept) shouldContainAll texts
            log.count { it.deleted } shouldBe 1
            log.map { it.changeId }.distinct().size shouldBe log.size
            replayed(log).map { it.text } shouldContain "one, by bob" // he came later, and the last change is the note
            bob.kept.shouldNotBeEmpty()
        } catch (e: Throwable) {
            println("$ann\n$bob\n--- server:\n$server")
            throw e
        } finally {
            listOf(ann, bob, server).forEach { it.close() }
        }
    }
})

private fun CoroutineScope.type(person: Person, numbers: IntRange, what: String): Deferred<Boolean> =
    async(Dispatchers.IO) { numbers.all { person.add("$what $it") } }

/** Waits until both list what the server's log makes of it, with nothing left to send, and returns that log. */
private suspend fun converged(server: ServerProcess, ann: Person, bob: Person): List<Change> {
    eventually(1.minutes) {
        val log = server.log(LIST)
        log.map { it.sequence } shouldContainExactly (1L..log.size).toList()
        for (person in listOf(ann, bob)) {
            val listing = person.list()
            listing.toSend shouldBe 0
            listing.cursor shouldBe log.size
        }
    }
    val log = server.log(LIST)
    val expected = replayed(log).mapIndexed { index, note -> "${index + 1}. ${note.text} (${note.author})" }
    withClue("ann") { ann.list().notes shouldContainExactly expected }
    withClue("bob") { bob.list().notes shouldContainExactly expected }
    return log
}

/** What a log makes of a list, in plain words: each note's last change, in the order in which they first came. */
private fun replayed(log: List<Change>): List<Change> {
    val notes = mutableListOf<Change>()
    for (change in log) {
        val at = notes.indexOfFirst { it.noteId == change.noteId }
        when {
            change.deleted -> notes.removeIf { it.noteId == change.noteId }
            at >= 0 -> notes[at] = change
            else -> notes += change
        }
    }
    return notes
}
