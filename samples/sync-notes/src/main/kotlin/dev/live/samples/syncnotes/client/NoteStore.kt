package dev.live.samples.syncnotes.client

import dev.live.sync.client.CursorStore
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.channels.OverlappingFileLockException
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardOpenOption.CREATE
import java.nio.file.StandardOpenOption.TRUNCATE_EXISTING
import java.nio.file.StandardOpenOption.WRITE
import kotlin.io.path.createParentDirectories
import kotlin.io.path.exists
import kotlin.io.path.name
import kotlin.io.path.readText

/**
 * Stores a [Notebook] in a file, for one process at a time. Thread-safe.
 *
 * Each update writes a temporary file and moves it atomically over the old one, so that a kill leaves the old or the
 * new state. The file has the cursor and the changes up to it, so [write] does nothing.
 */
class NoteStore private constructor(
    private val file: Path,
    private val lock: FileChannel,
    notebook: Notebook,
) : CursorStore,
    AutoCloseable {
    private val kept = MutableStateFlow(notebook)

    /** The content of the file. */
    val notebook: StateFlow<Notebook> = kept.asStateFlow()

    /** Applies [change]. Blocks until the file is written, then publishes the result in [notebook]. */
    fun update(change: (Notebook) -> Notebook): Unit =
        synchronized(this) {
            val changed = change(kept.value)
            if (changed == kept.value) return
            save(changed)
            kept.value = changed
        }

    override suspend fun read(): ULong = kept.value.cursor.toULong()

    override suspend fun write(cursor: ULong): Unit = Unit

    override fun close(): Unit = lock.close()

    private fun save(notebook: Notebook) {
        val next = file.resolveSibling("${file.name}.next")
        FileChannel.open(next, CREATE, WRITE, TRUNCATE_EXISTING).use { channel ->
            val bytes = ByteBuffer.wrap(json.encodeToString(notebook).encodeToByteArray())
            while (bytes.hasRemaining()) channel.write(bytes)
            channel.force(true)
        }
        Files.move(next, file, ATOMIC_MOVE)
    }

    companion object {
        private val json = Json { ignoreUnknownKeys = true }

        /**
         * Opens the notebook of [list] in [file], or creates it.
         *
         * @throws IOException if the file is in use, invalid, or of another list
         */
        fun open(file: Path, list: String): NoteStore {
            file.toAbsolutePath().createParentDirectories()
            // a separate lock file, because each update replaces the other one
            val channel = FileChannel.open(file.resolveSibling("${file.name}.lock"), CREATE, WRITE)
            try {
                val isOurs =
                    try {
                        channel.tryLock() != null
                    } catch (_: OverlappingFileLockException) {
                        false
                    }
                if (!isOurs) throw IOException("$file is in use by another client; use one file per client")
                return NoteStore(file, channel, if (file.exists()) load(file, list) else Notebook(list))
            } catch (e: IOException) {
                channel.close()
                throw e
            }
        }

        private fun load(file: Path, list: String): Notebook {
            val notebook =
                try {
                    json.decodeFromString<Notebook>(file.readText())
                } catch (e: SerializationException) {
                    throw IOException("$file is not a valid notes file; move it away to start with an empty one", e)
                }
            if (notebook.list == list) return notebook
            throw IOException("$file contains the list '${notebook.list}', not '$list'; use one file per list")
        }
    }
}
