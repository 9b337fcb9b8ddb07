package dev.live.redis

import dev.live.redis.support.RedisCluster
import dev.live.redis.support.newNamespace
import dev.live.test.contract.brokerContract
import io.kotest.core.spec.style.FunSpec

/** The contract on a cluster of three masters, with sharded channels. */
class RedisShardedContractTest : FunSpec({
    val cluster = RedisCluster()

    afterSpec { cluster.close() }

    include(
        brokerContract {
            RedisBroker(cluster.url) {
                namespace = newNamespace()
                sharded = true
            }
        },
    )
})
