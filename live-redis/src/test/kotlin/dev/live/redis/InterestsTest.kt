package dev.live.redis

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class InterestsTest : FunSpec({

    test("without a connection, a topic that is no longer used is removed at once") {
        val settings = RedisBrokerConfig().apply { namespace = "n" }.build("redis://localhost")
        val keys = RedisKeys("n", database = 0)
        val interests = Interests(SingleServer(settings, keys) { emptyList() }, keys, settings)

        for (topic in listOf("a", "b")) interests.add(topic, history = null)
        interests.remove("a")
        interests.remove("unknown")

        interests.size shouldBe 1
    }
})
