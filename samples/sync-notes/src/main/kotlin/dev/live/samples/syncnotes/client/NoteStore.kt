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
 * A [Notebook] in a file, for one process at a time. Any thread.
 *
 * Each change of it is written whole to another file, which then takes the place of the first: whenever the process is
 * killed, the file is as before or as after. The cursor is in there with what was pulled up to it, so [write] has
 * nothing to do.
 */
class NoteStore private constructor(
    private val file: Path,
    private val lock: FileChannel,
    notebook: Notebook,
) : CursorStore,
    AutoCloseable {
    private val kept = MutableStateFlow(notebook)

    /** What is in the file. */
    val notebook: StateFlow<Notebook> = kept.asStateFlow()

    /** Makes it what [change] makes of it. Blocks until that is in the file, and then shows it. */
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
         * Opens what is kept of [list] in [file], or begins it.
         *
         * @throws IOException if the file is in use, cannot be read, or is of another list; the message says so
         */
        fun open(file: Path, list: String): NoteStore {
            file.toAbsolutePath().createParentDirectories()
            // of a file of its own: the other one is replaced all the time
            val channel = FileChannel.open(file.resolveSibling("${file.name}.lock"), CREATE, WRITE)
            try {
                val isOurs =
                    try {
                        channel.tryLock() != null
                    } catch (_: OverlappingFileLockException) {
                        false
                    }
                if (!isOurs) throw IOException("$file is in use by another client; give each one a file of its own")
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
                    throw IOException("$file cannot be read as notes; move it away to begin anew", e)
                }
            if (notebook.list == list) return notebook
            throw IOException("$file keeps the list '${notebook.list}', not '$list'; give each list a file of its own")
        }
    }
}
