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

/** End-to-end test: a server and two terminal clients in separate processes, and SIGKILL. */
class ConvergenceTest : FunSpec({

    test("two clients converge after a killed server, an offline time and a killed client, with each edit once") {
        val folder = tempdir().toPath()
        val database = folder.resolve("server")
        var server = ServerProcess(database)
        val ann = Person("ann", folder.resolve("ann.json"), server.url)
        val bob = Person("bob", folder.resolve("bob.json"), server.url)
        try {
            // both clients are online and write concurrently
            coroutineScope {
                type(ann, 1..10, "ann, first")
                type(bob, 1..10, "bob, first")
            }
            converged(server, ann, bob)

            // bob is offline; both edit the same notes, and bob deletes one that ann edits
            bob.offline()
            ann.edit(1, "one, by ann")
            ann.edit(2, "two, by ann")
            bob.edit(1, "one, by bob") shouldBe true
            bob.delete(2) shouldBe true
            bob.add("added by bob while offline") shouldBe true
            bob.list().pending shouldBe 3

            // the server is killed while ann posts edits; changes that it returned before must not be lost
            val knownLog =
                coroutineScope {
                    val isEnough = CompletableDeferred<Unit>()
                    launch(Dispatchers.IO) {
                        var number = 0
                        while (!isEnough.isCompleted) ann.add("ann, during the kill ${++number}") shouldBe true
                    }
                    try {
                        eventually(1.minutes) { server.log(LIST).size shouldBeGreaterThan 40 }
                        val knownLog = server.log(LIST)
                        server.kill()
                        val atKill = ann.saved.size
                        eventually(1.minutes) { ann.saved.size shouldBeGreaterThan atKill + 5 } // without a server
                        knownLog
                    } finally {
                        isEnough.complete(Unit)
                    }
                }

            // bob is online without a server; ann is killed while adding notes, and restarts from her file
            bob.online()
            coroutineScope {
                val typing = type(ann, 1..1_000, "ann, killed")
                eventually(1.minutes) { ann.saved shouldContain "ann, killed 5" }
                ann.kill()
                typing.await() shouldBe false
            }
            ann.unsure.size shouldBe 1
            ann.startAgain()
            ann.list().pending shouldBeGreaterThan 5

            server = ServerProcess(database, server.port)
            coroutineScope {
                type(ann, 1..10, "ann, last")
                type(bob, 1..10, "bob, last")
            }
            val log = converged(server, ann, bob)

            log.take(knownLog.size) shouldContainExactly knownLog
            val texts = log.filterNot { it.deleted }.map { it.text }
            texts.distinct().size shouldBe texts.size
            texts shouldContainAll ann.saved + bob.saved
            (ann.saved + ann.unsure + bob.saved) shouldContainAll texts
            log.count { it.deleted } shouldBe 1
            log.map { it.changeId }.distinct().size shouldBe log.size
            replayed(log).map { it.text } shouldContain "one, by bob" // posted later, and the last change wins
            bob.saved.shouldNotBeEmpty()
        } catch (e: Throwable) {
            println("$ann\n$bob\n--- server:\n$server")
            throw e
        } finally {
            listOf(ann, bob, server).forEach { it.close() }
        }
    }
})

private fun CoroutineScope.type(person: Person, numbers: IntRange, text: String): Deferred<Boolean> =
    async(Dispatchers.IO) { numbers.all { person.add("$text $it") } }

/** Waits until both clients list the notes of the server's log and have no pending edits. Returns the log. */
private suspend fun converged(server: ServerProcess, ann: Person, bob: Person): List<Change> {
    eventually(1.minutes) {
        val log = server.log(LIST)
        log.map { it.sequence } shouldContainExactly (1L..log.size).toList()
        for (person in listOf(ann, bob)) {
            val listing = person.list()
            listing.pending shouldBe 0
            listing.cursor shouldBe log.size
        }
    }
    val log = server.log(LIST)
    val expected = replayed(log).mapIndexed { index, note -> "${index + 1}. ${note.text} (${note.author})" }
    withClue("ann") { ann.list().notes shouldContainExactly expected }
    withClue("bob") { bob.list().notes shouldContainExactly expected }
    return log
}

/** A simple reference replay of a log: the last change of each note, in order of first appearance. */
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
