package dev.live.samples.syncnotes.terminal

import dev.live.samples.shared.linesOf
import dev.live.samples.syncnotes.client.NoteStore
import dev.live.samples.syncnotes.client.NotesClient
import dev.live.samples.syncnotes.client.Status
import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Edit
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.io.BufferedReader
import java.io.FileDescriptor
import java.io.FileOutputStream
import java.io.IOException
import java.io.PrintStream
import java.util.UUID
import kotlin.system.exitProcess

/** Keeps notes in the terminal until the input ends or says `quit`. See [TerminalOptions.USAGE]. */
fun main(args: Array<String>) {
    val options =
        try {
            TerminalOptions.parse(args)
        } catch (e: IllegalArgumentException) {
            System.err.println("${e.message}\n${TerminalOptions.USAGE}")
            exitProcess(2)
        }
    val out = PrintStream(FileOutputStream(FileDescriptor.out), true, Charsets.UTF_8)
    try {
        NoteStore.open(options.file, options.list).use { store ->
            runBlocking { Terminal(System.`in`.bufferedReader(Charsets.UTF_8), out, store, options).run() }
        }
    } catch (e: IOException) {
        System.err.println(e.message)
        exitProcess(1)
    }
    exitProcess(0)
}

/** One person's list: the lines of [input] are commands, and what becomes of them goes to [out]. */
class Terminal(
    private val input: BufferedReader,
    private val out: PrintStream,
    private val store: NoteStore,
    private val options: TerminalOptions,
) {
    private val notes = NotesClient(options.server, store, ::told)

    /** The notes as last listed: the numbers that somebody types are of those they saw. */
    private var listed = emptyList<String>()

    suspend fun run(): Unit =
        coroutineScope {
            say("* the list '${options.list}', kept in ${options.file}. $HELP")
            launch {
                combine(notes.status, store.notebook) { status, notebook -> describe(status, notebook.pending.size) }
                    .distinctUntilChanged()
                    .collect(::say)
            }
            var online: Job? = goOnline()
            for (line in linesOf(input)) {
                val (command, rest) = line.trim().split(' ', limit = 2).let { it[0] to it.getOrElse(1) { "" }.trim() }
                when (command) {
                    "quit" -> break
                    "offline" -> {
                        online?.cancelAndJoin()
                        online = null
                    }
                    "online" -> online = online ?: goOnline()
                    else -> carryOut(command, rest)
                }
            }
            coroutineContext.cancelChildren()
        }

    private fun CoroutineScope.goOnline(): Job = launch { notes.run() }

    private suspend fun carryOut(command: String, rest: String) {
        try {
            when (command) {
                "add" -> keep(UUID.randomUUID().toString(), rest)
                "edit" -> keep(noteAt(rest.substringBefore(' ')), rest.substringAfter(' ', ""))
                "delete" -> keep(noteAt(rest), "", deleted = true)
                "list" -> list()
                "" -> Unit
                else -> say("! '$command' is no command. $HELP")
            }
        } catch (e: IllegalArgumentException) {
            say("! ${e.message}")
        } catch (e: IOException) {
            say("! not kept: ${e.message}")
        }
    }

    private suspend fun keep(note: String, text: String, deleted: Boolean = false) {
        notes.edit(Edit(UUID.randomUUID().toString(), note, text, deleted, options.name))
        say(if (deleted) "kept: deleted" else "kept: $text")
    }

    private fun noteAt(number: String): String {
        if (listed.isEmpty()) listed = shownIds()
        return requireNotNull(number.toIntOrNull()?.let { listed.getOrNull(it - 1) }) {
            "'$number' is none of the ${listed.size} notes that were listed; list says their numbers"
        }
    }

    private fun shownIds() = store.notebook.value.shown.map { it.note.id }

    private fun list() {
        val notebook = store.notebook.value
        val shown = notebook.shown
        listed = shown.map { it.note.id }
        val lines = shown.mapIndexed { index, (note, isPending) ->
            "${index + 1}. ${note.text} (${note.author})${if (isPending) ", to be sent" else ""}"
        }
        say(lines + "= ${shown.size} notes as of change ${notebook.cursor}, ${notebook.pending.size} edits to send")
    }

    private fun told(change: Change): Unit =
        say(if (change.deleted) "${change.author} deleted a note" else "${change.author}: ${change.text}")

    private fun describe(status: Status, waiting: Int): String {
        val toSend = if (waiting == 0) "nothing to send" else "$waiting to send"
        return "* ${status.standing.name.lowercase()}, $toSend${status.why?.let { " ($it)" }.orEmpty()}"
    }

    private fun say(line: String): Unit = say(listOf(line))

    /** Without control characters: what others write must not be able to move the cursor, or pass for another line. */
    private fun say(lines: List<String>): Unit =
        synchronized(out) {
            for (line in lines) out.println(line.map { if (it.isISOControl()) ' ' else it }.joinToString(""))
            out.flush()
        }

    private companion object {
        const val HELP = "Commands: add <text>, edit <n> <text>, delete <n>, list, offline, online, quit"
    }
}
