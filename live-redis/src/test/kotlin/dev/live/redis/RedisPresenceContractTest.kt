package dev.live.redis

import dev.live.redis.support.RedisServer
import dev.live.redis.support.newNamespace
import dev.live.test.contract.presenceContract
import io.kotest.core.spec.style.FunSpec
import kotlin.time.Duration.Companion.milliseconds

class RedisPresenceContractTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    include(
        presenceContract {
            val application = newNamespace()
            return@presenceContract {
                RedisBroker(redis.url) {
                    namespace = application
                    heartbeat = 200.milliseconds
                }
            }
        },
    )
})
