package dev.live.test.contract

import dev.live.server.broker.LocalBroker
import io.kotest.core.spec.style.FunSpec

class LocalBrokerTest : FunSpec({
    include(brokerContract { LocalBroker() })
})
