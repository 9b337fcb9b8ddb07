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

/** The library does not report the value. */
internal const val NOT_REPORTED = "not reported"

/** One row of the table: the results of a library on all transports. */
class ClientRow(val entry: ClientEntry, val cells: Map<ClientColumn, String>)

/** Tests WebSocket clients against [servers]. */
internal class ClientMatrix(private val servers: Map<Transport, InteropServer>) {
    /** Returns one task for each of [clients], which computes its row. */
    fun rows(clients: Clients): List<() -> ClientRow> =
        clients.list().mapIndexed { index, entry -> { row(clients, index, entry) } }

    private fun row(clients: Clients, index: Int, entry: ClientEntry): ClientRow {
        val topic = "raw/${entry.language.filter { it.isLetter() }}-$index"
        val results =
            clients.open(index).use { client ->
                servers.map { (transport, server) -> transport to test(client, server, topic) }
            }
        return ClientRow(
            entry,
            ClientColumn.entries.associateWith { column ->
                combine(results.map { (transport, cells) -> transport to cells.getValue(column) })
            },
        )
    }

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

    private fun conversation(codec: String, kind: String, topic: String): List<String> =
        frames(
            codec,
            kind,
            Message("subscribe", topic, "1"),
            Message("publish", topic, body = Body.json("""{"text":"äöü 🚀"}""")),
            Message("publish", topic, body = Body.bytes(BYTES)),
        ) + CLOSE

    private fun frames(codec: String, kind: String, vararg messages: Message): List<String> =
        messages.map { "$kind ${codecs.getValue(codec).encode(it).hex()}" }

    /** Returns ✓ if the subprotocol was negotiated and every reply arrived. */
    private fun exchangeResult(lines: List<String>, codec: String, kind: String, topic: String): String {
        if (lines.firstOrNull() != "open live.v1.$codec") return lines.firstOrNull() ?: "nothing"
        val frames = lines.filter { it.startsWith("$kind ") }.map { it.substringAfter(' ').unhex() }
        val messages = frames.map { codecs.getValue(codec).decode(it) }
        val payloads = messages.drop(1).map { it.body }
        val expected = listOf(Body.json("""{"text":"äöü 🚀"}"""), Body.bytes(BYTES))
        val isAcked = messages.firstOrNull()?.type == "ack" && messages.all { it.topic == topic }
        return if (isAcked && payloads == expected) "✓" else lines.last()
    }

    private fun status(lines: List<String>): String? =
        lines.last().removePrefix("refused ").takeIf { it.toIntOrNull() != null }

    private fun end(lines: List<String>): String = lines.lastOrNull()?.removePrefix("closed ") ?: "nothing"

    private companion object {
        val CLOSE = listOf("c 1000")
        val BYTES = ByteArray(256) { it.toByte() }
    }
}
