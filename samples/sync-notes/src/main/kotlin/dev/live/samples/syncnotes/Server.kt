package dev.live.samples.syncnotes

import dev.live.samples.shared.serve
import java.nio.file.Path

/** Serves the notes on the port in `PORT`, 8080 by default, from the database file in `NOTES_DB`. */
fun main() {
    val file = Path.of(System.getenv("NOTES_DB") ?: "target/sync-notes/server").toAbsolutePath()
    serve("sync-notes") { syncNotes(file) }
}
