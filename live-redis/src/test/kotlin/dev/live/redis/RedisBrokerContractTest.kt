package dev.live.redis

import dev.live.redis.support.RedisServer
import dev.live.redis.support.newNamespace
import dev.live.test.contract.brokerContract
import io.kotest.core.spec.style.FunSpec

class RedisBrokerContractTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    include(brokerContract { RedisBroker(redis.url) { namespace = newNamespace() } })
})
