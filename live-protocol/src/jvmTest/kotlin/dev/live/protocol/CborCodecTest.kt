package dev.live.protocol

class CborCodecTest : CodecContract(CborCodec)
