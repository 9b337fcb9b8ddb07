package dev.live.interop

import dev.live.protocol.Body
import dev.live.protocol.Message

/** The tests of an encoder. */
enum class EncoderColumn(val title: String) {
    Subscribe("subscribe"),
    Body("publish a body"),
    Data("publish data"),
    Null("null for absent"),
    Since("continue"),
    Read("read"),
}

/** The result of a test. */
sealed interface Outcome {
    data object Works : Outcome

    /** The server replied with an error with [reason]. */
    data class Refused(val reason: String) : Outcome

    /** The test failed without an error of the server. */
    data class Failed(val reason: String) : Outcome
}

/** One row of the table. [outcomes] combines all transports. */
class EncoderRow(val entry: EncoderEntry, val outcomes: Map<EncoderColumn, Outcome>)

/** Tests encoders against [servers] and compares the results of the transports. */
internal class EncoderMatrix(private val servers: Map<Transport, InteropServer>) {
    /** Returns one task for each of [encoders], which computes its row. */
    fun rows(encoders: Encoders): List<() -> EncoderRow> =
        encoders.list().mapIndexed { index, entry -> { row(encoders, index, entry) } }

    private fun row(encoders: Encoders, index: Int, entry: EncoderEntry): EncoderRow {
        val outcomes =
            encoders.open(index).use { encoder ->
                servers.values.map { server -> EncoderTest(entry, encoder, server.url).run() }
            }
        return EncoderRow(
            entry,
            EncoderColumn.entries.associateWith { column -> combine(outcomes.map { it.getValue(column) }) },
        )
    }

    private fun combine(outcomes: List<Outcome>): Outcome {
        val byTransport = servers.keys.map { it.title }.zip(outcomes)
        return outcomes.distinct().singleOrNull()
            ?: Outcome.Failed(byTransport.joinToString { (title, outcome) -> "$title: $outcome" })
    }
}

/** Tests one encoder on one server. */
private class EncoderTest(private val entry: EncoderEntry, private val encoder: Encoder, private val url: String) {
    private val codec = codecs.getValue(entry.codec)
    private val name =
        "${entry.language}-${entry.library}".filter { it.isLetterOrDigit() } + entry.codec + entry.setting.hashCode()
    private val frames = mutableListOf<ByteArray>()

    fun run(): Map<EncoderColumn, Outcome> =
        EncoderColumn.entries.associateWith { column ->
            when (column) {
                EncoderColumn.Subscribe ->
                    all(TOPICS) { topic -> acked(Outgoing("subscribe", topic + name, "1")) }
                EncoderColumn.Body ->
                    all(BODIES) { published(Outgoing("publish", "raw/$name", "2", body = it)) }
                EncoderColumn.Data ->
                    all(DATA) { published(Outgoing("publish", "raw/$name", "3", data = it)) }
                EncoderColumn.Null ->
                    all(nulls()) { if (it.type == "subscribe") acked(it) else published(it) }
                EncoderColumn.Since -> since()
                EncoderColumn.Read -> read()
            }
        }

    private fun nulls(): List<Outgoing> =
        listOf(
            Absent.Null,
            Absent.Undefined,
        ).filter { it == Absent.Null || entry.language == "JavaScript" }.flatMap { absent ->
            listOf(
                Outgoing("subscribe", "raw/$name", "4", absent = absent),
                Outgoing("publish", "raw/$name", "5", body = BODIES[1], absent = absent),
                Outgoing("publish", "raw/$name", "6", data = DATA[0], absent = absent),
            )
        }

    /** Sends [message] as the library encodes it, and expects its `ack`. */
    private fun acked(message: Outgoing): Outcome =
        RawSocket(url, entry.codec).use { socket ->
            socket.send(encoder.write(message))
            frames.addLimited(socket.next())
            val reply = codec.decode(frames.last())
            when {
                reply.type == "error" -> Outcome.Refused(reply.reason())
                reply.type == "ack" && reply.ref == message.ref && reply.topic == message.topic -> Outcome.Works
                else -> Outcome.Failed("received $reply")
            }
        }

    /** Publishes [message] as the library encodes it, and expects the same payload at a subscriber. */
    private fun published(message: Outgoing): Outcome =
        RawSocket(url, entry.codec).use { socket ->
            socket.send(codec.encode(Message("subscribe", message.topic, "0")))
            socket.next()
            socket.send(encoder.write(message))
            val replies = mutableListOf<Message>()
            while (replies.size < 2 && replies.lastOrNull()?.type !in setOf("error", "closed")) {
                val frame = socket.next()
                frames.addLimited(frame)
                replies += codec.decode(frame)
            }
            val rejection = replies.firstOrNull { it.type == "error" }
            val delivered = replies.firstOrNull { it.type == "message" }
            when {
                rejection != null -> Outcome.Refused(rejection.reason())
                delivered == null || replies.none {
                    it.type == "ack" && it.ref == message.ref
                } -> Outcome.Failed("received $replies")
                else -> payloadDifference(message, delivered)?.let { Outcome.Failed(it) } ?: Outcome.Works
            }
        }

    private fun payloadDifference(message: Outgoing, delivered: Message): String? {
        val body = (delivered.body as? Body.Bytes)?.toByteArray()
        val data = (delivered.body as? Body.Json)?.text
        return when {
            !body.contentEquals(message.body) -> "the body arrived as ${body?.hex()} and not ${message.body?.hex()}"
            !sameJson(data, message.data) -> "the data arrived as $data and not ${message.data}"
            else -> null
        }
    }

    private fun since(): Outcome =
        attempt {
            val ack = codec.encode(Message("subscribe", "raw/since$name", "7")).let { subscribe ->
                RawSocket(url, entry.codec).use { socket ->
                    socket.send(subscribe)
                    socket.next()
                }
            }
            RawSocket(url, entry.codec).use { socket ->
                socket.send(encoder.writeSince("raw/since$name", "8", ack))
                val reply = codec.decode(socket.next())
                val data = (reply.body as? Body.Json)?.text.orEmpty()
                when {
                    reply.type == "error" -> Outcome.Refused(reply.reason())
                    "\"recovered\":true" in data -> Outcome.Works
                    else -> Outcome.Failed("received $reply")
                }
            }
        }

    private fun read(): Outcome =
        attempt {
            frames +=
                codec.encode(
                    Message("error", "raw/$name", "9", Body.json("""{"code":"forbidden","reason":"no: ä🚀"}""")),
                )
            val differences = frames.mapNotNull { encoder.read(it).differenceFrom(codec.decode(it)) }
            differences.firstOrNull()?.let { Outcome.Failed(it) } ?: Outcome.Works
        }

    private fun <T> all(values: List<T>, check: (T) -> Outcome): Outcome =
        values.map { attempt { check(it) } }.firstOrNull { it != Outcome.Works } ?: Outcome.Works

    private fun attempt(check: () -> Outcome): Outcome =
        try {
            check()
        } catch (e: Exception) {
            Outcome.Failed(e.message ?: e.toString())
        }

    private fun Message.reason(): String = reasonIn((body as? Body.Json)?.text.orEmpty())

    private fun MutableList<ByteArray>.addLimited(frame: ByteArray) {
        if (size < MAX_FRAMES) add(frame) else set(lastIndex, frame)
    }

    private companion object {
        const val MAX_FRAMES = 40
        val TOPICS = listOf("room/", "room/ä🚀", "raw/a-name-of-more-than-32-characters-")
        val BODIES =
            listOf(
                byteArrayOf(),
                byteArrayOf(1, 2, -1),
                "plain text".encodeToByteArray(),
                ByteArray(300) {
                    it.toByte()
                },
            )
        val DATA =
            listOf(
                """{"text":"hello"}""",
                """{"text":"${"äöü€🚀\\\"".repeat(40)}"}""",
                """[1,-2.5,true,null,"x",[],{"a":{}}]""",
                """"text"""",
                "0",
            )
    }
}
