package dev.live.server.session

import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeSingleton
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.ktor.util.AttributeKey
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.withContext

class SessionAttributesTest : FunSpec({

    test("a session keeps the attributes that the application stores") {
        val key = AttributeKey<String>("color")
        withContext(Dispatchers.Default) {
            val runtime = SessionRuntime(sessionSettings(), TestTopics(this).registry, slot = 0) { 0 }
            val (first, second) = List(2) { testSession(runtime, this) }

            first.attributes.put(key, "red")

            first.attributes[key] shouldBe "red"
            second.attributes.getOrNull(key).shouldBeNull()
        }
    }

    test("threads that use the attributes first at the same time share one instance") {
        withContext(Dispatchers.Default) {
            val runtime = SessionRuntime(sessionSettings(), TestTopics(this).registry, slot = 0) { 0 }
            repeat(200) {
                val session = testSession(runtime, this)

                List(4) { async { session.attributes } }.awaitAll().distinct().shouldBeSingleton()
            }
        }
    }
})
