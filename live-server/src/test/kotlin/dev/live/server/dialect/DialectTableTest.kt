package dev.live.server.dialect

import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf

class DialectTableTest : FunSpec({

    test("each codec is a WebSocket dialect, with and without trace context") {
        val table = DialectTable(listOf(CborCodec, JsonCodec), isTraced = true)
        val names = listOf("live.v1.cbor", "live.v1.json", "live.v1.cbor.trace", "live.v1.json.trace")

        table.subprotocols shouldBe names
        names.forEachIndexed { slot, name ->
            table.slotOf(name) shouldBe slot
            table[slot].shouldBeInstanceOf<WebSocketDialect>().codec.subprotocol shouldBe name
        }
        table.jsonSlot shouldBe 1
        table.slotOf("live.v1.msgpack") shouldBe -1
    }

    test("server-sent events use JSON, and no WebSocket client can select them") {
        val table = DialectTable(listOf(CborCodec, JsonCodec))

        table.size shouldBe 4
        for (slot in listOf(table.eventsSlot, table.eventsWithIdsSlot)) {
            table[slot].shouldBeInstanceOf<EventStreamDialect>().codec shouldBe JsonCodec
        }
        table.subprotocols.size shouldBe 2
    }

    test("without the JSON codec there are no server-sent events") {
        val table = DialectTable(listOf(CborCodec))

        table.size shouldBe 1
        listOf(table.jsonSlot, table.eventsSlot, table.eventsWithIdsSlot) shouldBe listOf(-1, -1, -1)
    }

    test("with compression each WebSocket dialect has a second slot, which no subprotocol selects") {
        val table = DialectTable(listOf(CborCodec, JsonCodec), isTraced = true, compressor = { it })

        table.canCompress shouldBe true
        table.size shouldBe 10
        table.subprotocols.size shouldBe 4
        for (slot in 0..3) {
            val compressed = table.compressedSlot(slot)
            table[compressed].shouldBeInstanceOf<CompressedDialect>().codec shouldBe table[slot].codec
            table.plainSlot(compressed) shouldBe slot
        }
        for (slot in 0..5) table.plainSlot(slot) shouldBe slot
    }

    test("without compression there are no further slots") {
        DialectTable(listOf(JsonCodec)).run { listOf(canCompress, size, plainSlot(2)) } shouldBe listOf(false, 3, 2)
    }
})
