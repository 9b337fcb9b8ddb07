package dev.live.interop

import java.io.File
import java.util.concurrent.TimeUnit

/**
 * One encoder library with one set of options.
 *
 * @property setting the options that differ from the library's defaults; empty for the defaults
 * @property expectedError a part of the server's error, for options that live does not accept; empty if live accepts
 *   everything. With the prefix `!`: a part of the library's own failure, independent of the server
 */
class EncoderEntry(
    val language: String,
    val library: String,
    val version: String,
    val codec: String,
    val setting: String,
    val expectedError: String,
) {
    val title: String get() = if (setting.isEmpty()) library else "$library, `$setting`"
    val expectsLibraryFailure: Boolean get() = expectedError.startsWith("!")
}

/** Encodes and decodes with one library. Exceptions of the library are not caught. */
interface Encoder : AutoCloseable {
    fun write(message: Outgoing): ByteArray

    /** Encodes a `subscribe` that recovers from the position in [ack], a frame of the server. */
    fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray

    fun read(frame: ByteArray): Incoming

    override fun close() = Unit
}

/** The encoders of one language. */
interface Encoders {
    fun list(): List<EncoderEntry>

    fun open(index: Int): Encoder
}

/**
 * Encoders in a program of another language. `program list` prints one `library|version|codec|setting|expectedError`
 * per line. `program run N` reads commands from standard input and replies to each with one line:
 *
 * - `write TYPE TOPIC REF BODY DATA ABSENT` with hexadecimal texts: the frame
 * - `since TOPIC REF ACK`: the frame of a `subscribe` with the position in the frame ACK
 * - `read FRAME`: `TYPE TOPIC REF BODY DATA OFFSET`
 *
 * `-` is an absent field, `.` an empty one. A reply that begins with `!` is a failure.
 */
class ProgramEncoders(
    private val language: String,
    private val folder: File,
    private val command: List<String>,
) : Encoders {
    override fun list(): List<EncoderEntry> =
        ProcessBuilder(
            command + "list",
        ).directory(folder).redirectError(ProcessBuilder.Redirect.INHERIT).start().use { process ->
            process.inputReader().readLines().map { line ->
                val (library, version, codec, setting, expectedError) = line.split("|")
                EncoderEntry(language, library, version, codec, setting, expectedError)
            }
        }

    override fun open(index: Int): Encoder = ProgramEncoder(folder, command + listOf("run", index.toString()))
}

private class ProgramEncoder(folder: File, command: List<String>) : Encoder {
    private val process = ProcessBuilder(
        command,
    ).directory(folder).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val replies = process.inputReader()
    private val commands = process.outputWriter()

    override fun write(message: Outgoing): ByteArray {
        val body = field(message.body)
        val data = field(message.data?.encodeToByteArray())
        return request(
            "write ${text(
                message.type,
            )} ${text(message.topic)} ${text(message.ref)} $body $data ${message.absent.ordinal}",
        ).unhex()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        request("since ${text(topic)} ${text(ref)} ${ack.hex()}").unhex()

    override fun read(frame: ByteArray): Incoming {
        val (type, topic, ref, body, data) = request("read ${frame.hex()}").split(" ").map { field(it) }
        val offset = lastReply.substringAfterLast(' ').takeIf { it != "-" }?.toLong()
        return Incoming(
            type?.decodeToString().orEmpty(),
            topic?.decodeToString().orEmpty(),
            ref?.decodeToString().orEmpty(),
            body,
            data?.decodeToString(),
            offset,
        )
    }

    override fun close() {
        commands.close()
        if (!process.waitFor(10, TimeUnit.SECONDS)) process.destroyForcibly()
    }

    private var lastReply = ""

    private fun request(command: String): String {
        commands.write(command + "\n")
        commands.flush()
        lastReply = replies.readLine() ?: error("the program ended")
        if (lastReply.startsWith("!")) error(lastReply.removePrefix("!").trim())
        return lastReply
    }

    private fun text(text: String) = field(text.encodeToByteArray())

    private fun field(bytes: ByteArray?): String = if (bytes == null) "-" else bytes.hex().ifEmpty { "." }

    private fun field(text: String): ByteArray? = if (text == "-") null else text.removePrefix(".").unhexOrEmpty()

    private fun String.unhexOrEmpty() = if (length % 2 == 0) unhex() else ByteArray(0)
}

internal inline fun <T> Process.use(block: (Process) -> T): T =
    try {
        block(this)
    } finally {
        destroy()
    }
