package dev.live.test.contract

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.TracedCodec
import io.kotest.core.spec.style.FunSpec

/** Every codec of live passes the contract. `live-protocol` has the tests of the wire formats. */
class CodecContractTest : FunSpec({
    for (codec in listOf<Codec>(JsonCodec, CborCodec, MessagePackCodec, TracedCodec(JsonCodec))) {
        include("${codec.subprotocol}: ", codecContract(codec))
    }
})
