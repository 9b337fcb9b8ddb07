@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.FakeCodec
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

/** Compression of a topic's messages for many sessions, in virtual time. */
class SharedCompressionTest : FunSpec({

    test("a publication to 100 sessions with compression and 100 without is encoded once and compressed once") {
        runTest {
            val compressions = ArrayList<OutboundFrame>()
            val codec = FakeCodec()
            val dialects = DialectTable(listOf(codec), compressor = { it.also(compressions::add) })
            val topics = TestTopics(backgroundScope, dialects).registry
            val slots = listOf(0, dialects.compressedSlot(0))
            val sessions = List(200) { TestSession(this, topics = topics, id = "s$it", slot = slots[it % 2]) }
            val jobs = sessions.map { it.start() }
            sessions.forEach { it.session.subscribe("t") }
            runCurrent()
            compressions.clear()
            codec.encodings.set(0)

            topics.publish("t", textMessage("hello").body)
            runCurrent()

            sessions.forAll { it.socket.texts() shouldContainExactly listOf("subscribe", "hello") }
            compressions.size shouldBe 1
            codec.encodings.get() shouldBe 1
            jobs.forEach { it.cancel() }
        }
    }
})
