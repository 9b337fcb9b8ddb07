package dev.live.protocol

class MessagePackCodecTest : CodecContract(MessagePackCodec)
