package dev.live.test.contract

import dev.live.client.transport.KtorTransport
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import io.kotest.core.spec.style.FunSpec
import io.ktor.client.HttpClient
import io.ktor.client.engine.java.Java
import io.ktor.client.engine.okhttp.OkHttp

/** The transports of live pass the contract: Ktor's on the engines of the supported platforms, and the fake. */
class TransportContractTest : FunSpec({
    val okHttp = HttpClient(OkHttp)
    val java = HttpClient(Java)
    afterSpec {
        okHttp.close()
        java.close()
    }

    include("CIO: ", transportContract { WebSocketFixture(KtorTransport()) })
    include("CIO with binary frames: ", transportContract { WebSocketFixture(KtorTransport(), CborCodec) })
    include("OkHttp: ", transportContract { WebSocketFixture(KtorTransport(okHttp)) })
    include("java.net.http: ", transportContract { WebSocketFixture(KtorTransport(java)) })
    include("FakeTransport: ", transportContract { FakeTransportFixture(JsonCodec) })
    include("FakeTransport with binary frames: ", transportContract { FakeTransportFixture(CborCodec) })
})
