package dev.live.redis

import dev.live.redis.support.RedisSentinels
import dev.live.redis.support.newNamespace
import dev.live.test.contract.brokerContract
import io.kotest.core.spec.style.FunSpec

/** The contract on a master that sentinels name. */
class RedisSentinelContractTest : FunSpec({
    val redis = RedisSentinels()

    afterSpec { redis.close() }

    include(brokerContract { RedisBroker(redis.url) { namespace = newNamespace() } })
})
