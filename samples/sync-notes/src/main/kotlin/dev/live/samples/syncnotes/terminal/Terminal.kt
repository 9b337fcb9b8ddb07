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

/** A terminal client for notes, until the input ends or has the line `quit`. See [TerminalOptions.USAGE]. */
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

/** Executes the lines of [input] as commands, and prints results and changes to [out]. */
class Terminal(
    private val input: BufferedReader,
    private val out: PrintStream,
    private val store: NoteStore,
    private val options: TerminalOptions,
) {
    private val notes = NotesClient(options.server, store, ::printChange)

    /** The ids of the last listing: note numbers in commands refer to it. */
    private var listed = emptyList<String>()

    suspend fun run(): Unit =
        coroutineScope {
            printLine("* list '${options.list}' in file ${options.file}. $HELP")
            launch {
                combine(notes.status, store.notebook) { status, notebook -> describe(status, notebook.pending.size) }
                    .distinctUntilChanged()
                    .collect(::printLine)
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
                    else -> execute(command, rest)
                }
            }
            coroutineContext.cancelChildren()
        }

    private fun CoroutineScope.goOnline(): Job = launch { notes.run() }

    private suspend fun execute(command: String, rest: String) {
        try {
            when (command) {
                "add" -> save(UUID.randomUUID().toString(), rest)
                "edit" -> save(noteAt(rest.substringBefore(' ')), rest.substringAfter(' ', ""))
                "delete" -> save(noteAt(rest), "", deleted = true)
                "list" -> list()
                "" -> Unit
                else -> printLine("! unknown command '$command'. $HELP")
            }
        } catch (e: IllegalArgumentException) {
            printLine("! ${e.message}")
        } catch (e: IOException) {
            printLine("! not saved: ${e.message}")
        }
    }

    private suspend fun save(note: String, text: String, deleted: Boolean = false) {
        notes.edit(Edit(UUID.randomUUID().toString(), note, text, deleted, options.name))
        printLine(if (deleted) "saved: deleted" else "saved: $text")
    }

    private fun noteAt(number: String): String {
        if (listed.isEmpty()) listed = shownIds()
        return requireNotNull(number.toIntOrNull()?.let { listed.getOrNull(it - 1) }) {
            "no note '$number' among the ${listed.size} listed notes; enter list for the numbers"
        }
    }

    private fun shownIds() = store.notebook.value.shown.map { it.note.id }

    private fun list() {
        val notebook = store.notebook.value
        val shown = notebook.shown
        listed = shown.map { it.note.id }
        val lines = shown.mapIndexed { index, (note, isPending) ->
            "${index + 1}. ${note.text} (${note.author})${if (isPending) ", pending" else ""}"
        }
        val pending = notebook.pending.size
        printLine(lines + "= ${shown.size} notes as of change ${notebook.cursor}, $pending edits pending")
    }

    private fun printChange(change: Change): Unit =
        printLine(if (change.deleted) "${change.author} deleted a note" else "${change.author}: ${change.text}")

    private fun describe(status: Status, pending: Int): String {
        val toSend = if (pending == 0) "no edits pending" else "$pending edits pending"
        return "* ${status.phase.name.lowercase()}, $toSend${status.error?.let { " ($it)" }.orEmpty()}"
    }

    private fun printLine(line: String): Unit = printLine(listOf(line))

    /** Replaces control characters, so that a note cannot move the cursor or imitate another line. */
    private fun printLine(lines: List<String>): Unit =
        synchronized(out) {
            for (line in lines) out.println(line.map { if (it.isISOControl()) ' ' else it }.joinToString(""))
            out.flush()
        }

    private companion object {
        const val HELP = "Commands: add <text>, edit <n> <text>, delete <n>, list, offline, online, quit"
    }
}
