package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.MessageType
import dev.live.server.broker.PresenceMember
import dev.live.server.broker.Publication
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlin.random.Random

class PresenceMessageTest : FunSpec({

    test("a change arrives with its members and leaves") {
        val joins = mapOf(7L to PresenceMember("añn\u0000:", """{"a":[1,"é"]}"""), 8L to PresenceMember("", "null"))
        val leaves = mapOf(1L to true, 2L to false)

        val decoded = decoded(PresenceMessage(3, 4, joins = joins, leaves = leaves)).shouldNotBeNull()

        decoded.previous shouldBe 3
        decoded.version shouldBe 4
        decoded.isReload shouldBe false
        decoded.joins.mapValues { it.value.key to it.value.info } shouldBe
            joins.mapValues { it.value.key to it.value.info }
        decoded.leaves shouldBe leaves
    }

    test("a request to read all members arrives") {
        decoded(PresenceMessage(3, 4, isReload = true)).shouldNotBeNull().isReload shouldBe true
    }

    test("a member with an info that is no JSON is rejected") {
        val bytes = PresenceMessage.encodeMember(PresenceMember("ann", """{"a":"""))

        PresenceMessage.decodeMember(bytes).shouldBeNull()
    }

    test("bytes of another program are rejected, whatever they are") {
        val random = Random(1)
        val valid = bytes(PresenceMessage(3, 4, joins = mapOf(1L to PresenceMember("ann", "1"))))

        repeat(2_000) {
            val changed = valid.copyOf(random.nextInt(valid.size + 10))
            if (changed.isNotEmpty()) changed[random.nextInt(changed.size)] = random.nextInt().toByte()
            PresenceMessage.decode(publication(changed)) // must not throw
            PresenceMessage.decodeMember(changed)
        }

        PresenceMessage.decode(publication(byteArrayOf(9))).shouldBeNull()
        PresenceMessage.decode(publication(ByteArray(0))).shouldBeNull()
    }
})

private fun decoded(message: PresenceMessage) = PresenceMessage.decode(message.publication("t", "node"))

private fun bytes(message: PresenceMessage) = (message.publication("t", "node").body as Body.Bytes).toByteArray()

private fun publication(bytes: ByteArray) = Publication("t", Body.bytes(bytes), MessageType.PRESENCE, except = "node")
