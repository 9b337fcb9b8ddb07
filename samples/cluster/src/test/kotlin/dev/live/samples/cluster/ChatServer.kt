package dev.live.samples.cluster

import dev.live.redis.RedisBroker
import dev.live.samples.chat.chat
import dev.live.samples.shared.serve

/** The main function of the chat sample on Redis: the code of docs/cluster.md. */
fun main(): Unit = serve("chat") { chat { broker(RedisBroker("redis://localhost:6379") { namespace = "chat" }) } }
