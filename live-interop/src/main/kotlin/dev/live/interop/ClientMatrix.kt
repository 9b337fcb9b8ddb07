package dev.live.interop

import dev.live.protocol.Body
import dev.live.protocol.Message

/** The tests of a WebSocket client, with the best result of each. */
enum class ClientColumn(val title: String, internal val best: String) {
    Text("text frames", "✓"),
    Binary("binary frames", "✓"),
    Large("reads 66 KB", "✓"),
    Close("closes", "1000"),
    Restart("closed with 1012", "1012"),
    Later("closed with 1013", "1013"),
    Refused("401 before the upgrade", "401"),
}

/** The tests of a WebSocket client on a server that compresses all messages. */
enum class CompressionColumn(val title: String) {
    Offer("offer"),
    Text("text frames"),
    Binary("binary frames"),
    Large("reads 66 KB"),
}

/** The library does not report the value. */
internal const val NOT_REPORTED = "not reported"

/**
 * The results of a library on all transports.
 *
 * @property compression null if the client does not offer compression
 */
class ClientRow(
    val entry: ClientEntry,
    val cells: Map<ClientColumn, String>,
    val compression: Map<CompressionColumn, String>?,
)

/** Tests WebSocket clients against [servers], and with compression against [compressing]. */
internal class ClientMatrix(
    private val servers: Map<Transport, InteropServer>,
    private val compressing: Map<Transport, InteropServer>,
) {
    /** Returns one task for each of [clients], which computes its row. */
    fun rows(clients: Clients): List<() -> ClientRow> =
        clients.list().mapIndexed { index, entry -> { row(clients, index, entry) } }

    private fun row(clients: Clients, index: Int, entry: ClientEntry): ClientRow {
        val topic = "raw/${entry.language.filter { it.isLetter() }}-$index"
        return clients.open(index).use { client ->
            val cells = servers.mapValues { (_, server) -> test(client, server, topic) }
            val compression = compressing.mapValues { (_, server) -> testCompression(client, server, topic) }
            val isOffered = compression.values.any { it[CompressionColumn.Offer].orEmpty().isNotEmpty() }
            ClientRow(
                entry,
                ClientColumn.entries.associateWith { combine(cells, it) },
                if (isOffered) CompressionColumn.entries.associateWith { combine(compression, it) } else null,
            )
        }
    }

    private fun <C> combine(results: Map<Transport, Map<C, String>>, column: C): String =
        combine(results.map { (transport, cells) -> transport to cells.getValue(column) })

    private fun combine(cells: List<Pair<Transport, String>>): String {
        val different = cells.map { it.second }.distinct().sorted()
        return when {
            different.size == 1 -> different.single()
            different == listOf("1000", NOT_REPORTED) -> different.joinToString(" or ") // a race within the library
            else -> cells.joinToString("; ") { (transport, cell) -> "${transport.title}: $cell" }
        }
    }

    private fun test(client: Client, server: InteropServer, topic: String): Map<ClientColumn, String> {
        val text = client.session(server.url, "live.v1.json", conversation("json", "t", topic))
        val binary = client.session(server.url, "live.v1.cbor", conversation("cbor", "b", topic))
        val large = client.session(server.url, "live.v1.json", frames("json", "t", Message("large", topic)) + CLOSE)
        val restart = client.session(server.url, "live.v1.json", frames("json", "t", Message("restart")))
        val later = client.session(server.url, "live.v1.json", frames("json", "t", Message("later")))
        val refused = client.session(server.closedUrl, "live.v1.json", CLOSE)
        return mapOf(
            ClientColumn.Text to exchangeResult(text, "json", "t", topic),
            ClientColumn.Binary to exchangeResult(binary, "cbor", "b", topic),
            ClientColumn.Large to (if (large.any { it.length > 2 * LARGE_BODY }) "✓" else end(large)),
            ClientColumn.Close to end(text),
            ClientColumn.Restart to end(restart),
            ClientColumn.Later to end(later),
            ClientColumn.Refused to (status(refused) ?: NOT_REPORTED),
        )
    }

    private fun testCompression(client: Client, server: InteropServer, topic: String): Map<CompressionColumn, String> {
        val url = server.url(topic)
        val text = client.session(url, "live.v1.json", conversation("json", "t", topic, WITH_LONG_TEXT))
        val binary = client.session(url, "live.v1.cbor", conversation("cbor", "b", topic, WITH_LONG_TEXT))
        val large = client.session(url, "live.v1.json", frames("json", "t", Message("large", topic)) + CLOSE)
        val negotiation = server.negotiationOf(topic)
        return mapOf(
            CompressionColumn.Offer to
                if (negotiation?.response.orEmpty().isEmpty()) "" else negotiation?.offer.orEmpty(),
            CompressionColumn.Text to exchangeResult(text, "json", "t", topic, WITH_LONG_TEXT),
            CompressionColumn.Binary to exchangeResult(binary, "cbor", "b", topic, WITH_LONG_TEXT),
            CompressionColumn.Large to (if (large.any { it.length > 2 * LARGE_BODY }) "✓" else end(large)),
        )
    }

    private fun conversation(
        codec: String,
        kind: String,
        topic: String,
        payloads: List<Body> = SMALL,
    ): List<String> {
        val publishes = payloads.map { Message("publish", topic, body = it) }
        return frames(codec, kind, Message("subscribe", topic, "1"), *publishes.toTypedArray()) + CLOSE
    }

    private fun frames(codec: String, kind: String, vararg messages: Message): List<String> =
        messages.map { "$kind ${codecs.getValue(codec).encode(it).hex()}" }

    /** Returns ✓ if the subprotocol was negotiated and every reply arrived. */
    private fun exchangeResult(
        lines: List<String>,
        codec: String,
        kind: String,
        topic: String,
        expected: List<Body> = SMALL,
    ): String {
        if (lines.firstOrNull() != "open live.v1.$codec") return lines.firstOrNull() ?: "nothing"
        val frames = lines.filter { it.startsWith("$kind ") }.map { it.substringAfter(' ').unhex() }
        val messages = frames.map { codecs.getValue(codec).decode(it) }
        val payloads = messages.drop(1).map { it.body }
        val isAcked = messages.firstOrNull()?.type == "ack" && messages.all { it.topic == topic }
        return if (isAcked && payloads == expected) "✓" else lines.last()
    }

    private fun status(lines: List<String>): String? =
        lines.last().removePrefix("refused ").takeIf { it.toIntOrNull() != null }

    private fun end(lines: List<String>): String = lines.lastOrNull()?.removePrefix("closed ") ?: "nothing"

    private companion object {
        val CLOSE = listOf("c 1000")
        val SMALL = listOf(Body.json("""{"text":"äöü 🚀"}"""), Body.bytes(ByteArray(256) { it.toByte() }))

        /** Also a payload that libraries compress: some send messages below 1 KiB as they are. */
        val WITH_LONG_TEXT = SMALL + Body.json("""{"text":"${"äöü 🚀 ".repeat(500)}"}""")
    }
}
