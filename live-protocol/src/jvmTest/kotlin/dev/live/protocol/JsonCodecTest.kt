package dev.live.protocol

class JsonCodecTest : CodecContract(JsonCodec)
