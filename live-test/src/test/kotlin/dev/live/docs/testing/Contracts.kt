package dev.live.docs.testing

import dev.live.client.transport.KtorTransport
import dev.live.client.transport.Transport
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.test.contract.WebSocketFixture
import dev.live.test.contract.codecContract
import dev.live.test.contract.transportContract
import io.kotest.core.spec.style.FunSpec

// The code of docs/testing.md, and the implementations that it assumes.

class AcmeCodecTest : FunSpec({
    include(codecContract(AcmeCodec))
})

class AcmeTransportTest : FunSpec({
    include(transportContract { WebSocketFixture(AcmeTransport()) })
})

private object AcmeCodec : Codec by JsonCodec {
    override val subprotocol = "acme.v1.json"
}

private class AcmeTransport : Transport by KtorTransport()
