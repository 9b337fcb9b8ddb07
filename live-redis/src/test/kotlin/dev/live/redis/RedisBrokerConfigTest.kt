package dev.live.redis

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.lettuce.core.cluster.SlotHash
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class RedisBrokerConfigTest : FunSpec({

    test("a missing namespace is an error that shows how to set it") {
        messageOf { RedisBroker("redis://localhost") {} } shouldBe
            "namespace is missing. Name the application: RedisBroker(url) { namespace = \"chat\" }."
    }

    test("a namespace with characters that mix up keys or channels is an error") {
        listOf("", "a:b", "a b", "{a}", "a*", "a\n", "é", "x".repeat(65)).forAll { name ->
            messageOf { RedisBroker("redis://localhost") { namespace = name } } shouldContain
                "namespace must be 1 to 64 letters, digits, '-', '_' or '.', was '$name'"
        }
    }

    test("settings out of range are errors that name them") {
        messageOf { configure { timeout = Duration.ZERO } } shouldBe "timeout must be positive and finite, was 0s"
        messageOf { configure { outboxMessages = 0 } } shouldBe "outboxMessages must be at least 1, was 0"
        messageOf { configure { outboxBytes = -1 } } shouldBe "outboxBytes must be at least 1, was -1"
        messageOf { configure { inboxMessages = 0 } } shouldBe "inboxMessages must be at least 1, was 0"
        messageOf { configure { inboxBytes = 0 } } shouldBe "inboxBytes must be at least 1, was 0"
        messageOf { configure { linger = (-1).seconds } } shouldBe "linger must be at least 0s and finite, was -1s"
        messageOf { configure { probeInterval = Duration.INFINITE } } shouldBe
            "probeInterval must be positive and finite, was Infinity"
        messageOf { configure { probeTimeout = Duration.ZERO } } shouldBe
            "probeTimeout must be positive and finite, was 0s"
        messageOf { configure { maxReconnectDelay = 1.milliseconds } } shouldBe
            "maxReconnectDelay must be at least 50ms and finite, was 1ms"
    }

    test("a URL that is none is an error that shows the form") {
        messageOf { broker("localhost:6379") } shouldContain "unknown scheme 'localhost'"
        messageOf { broker("//localhost") } shouldContain "has no scheme"
        messageOf { broker("http://localhost") } shouldContain
            "unknown scheme 'http'. Expected: redis://user:password@host:port/database"
        messageOf { broker("redis://") } shouldContain "the Redis URL is invalid at character 8"
        messageOf { broker("redis:///1") } shouldContain "has no valid host"
        for (host in listOf("localhost:x", "localhost:0", "localhost:70000", "a,,b", "[::1", "a b", "a:1:2")) {
            messageOf { broker("redis-cluster://$host") } shouldContain "the Redis URL"
        }
        messageOf { broker("redis://localhost:x") } shouldContain "has no valid host or port"
        messageOf { broker("redis+tls://localhost") } shouldContain "For TLS, use rediss://."
        messageOf { broker("redis://a,b") } shouldContain "several hosts. Use redis-cluster:// for a cluster"
        messageOf { broker("redis://localhost/one") } shouldContain "the database is not a number"
        messageOf { broker("redis://localhost?timeout=1s") } shouldContain "Use the settings of RedisBroker instead"
    }

    test("a URL of sentinels needs the name of a master, and a URL of a cluster no database") {
        messageOf { broker("redis-sentinel://a,b") } shouldContain "has no name of a master after '#'"
        messageOf { broker("redis-cluster://a/1") } shouldContain "a cluster has only the database 0"
        messageOf { broker("redis-cluster://a#x") } shouldContain "has parameters"
    }

    test("errors do not contain the password") {
        listOf(
            "redis://:secret@",
            "redis://:sec ret@host",
            "rediss://:secret@",
            "redis-sentinel://:secret@a,b",
            "redis://:secret@h/x",
        ).forAll { messageOf { broker(it) } shouldNotContain "ret" }
    }

    test("a password with a slash is not part of the error: it looks like a database") {
        for (url in listOf("redis://ann:1234/secret@host", "redis://ann:1234/secret@host/3", "redis://1/secret@host")) {
            val message = messageOf { broker(url) }
            message shouldNotContain "secret"
            message shouldContain "the database is not a number. A slash in the password must be written as %2F"
        }
    }

    test("hosts, ports, database, user and password are read from the URL") {
        val single = RedisAddress.parse("redis://ann:s%2Fe%40+c@local_host:7000/3")
        val tls = RedisAddress.parse("rediss://secret@[::1]")
        val sentinels = RedisAddress.parse("rediss-sentinel://:secret@a,b:7000/2#main")
        val cluster = RedisAddress.parse("redis-cluster://a:1,b")

        single.label shouldBe "local_host:7000"
        single.database shouldBe 3
        single.credentials!!.user shouldBe "ann"
        single.credentials.password shouldBe "s/e@+c"
        tls.hasTls shouldBe true
        tls.label shouldBe "[::1]:6379"
        tls.credentials!!.run { user to password } shouldBe (null to "secret")
        sentinels.topology shouldBe Topology.Sentinel
        sentinels.label shouldBe "a:26379,b:7000"
        sentinels.run { Triple(hasTls, database, masterName) } shouldBe Triple(true, 2, "main")
        cluster.topology shouldBe Topology.Cluster
        cluster.servers shouldBe listOf(HostPort("a", 1), HostPort("b", 6379))
        cluster.credentials shouldBe null
    }

    test("the keys of a topic share a hash tag, and a channel contains the topic and the database") {
        val keys = RedisKeys("chat", database = 2)

        keys.keys("room/}x").map { it.decodeToString() } shouldBe
            listOf("meta", "stream", "publishers").map { "live:chat:{t:room/}x}:$it" }
        keys.channel("room/1").decodeToString() shouldBe "live:chat:2/room/1"
        keys.topic(keys.channel("")) shouldBe ""
        keys.topic(keys.channel("é:{}")) shouldBe "é:{}"
        keys.topic("live:other:2/room".encodeToByteArray()) shouldBe null
        keys.topic(byteArrayOf()) shouldBe null
    }

    test("a sharded channel is in the slot of the keys of its topic, whatever characters the topic contains") {
        val keys = RedisKeys("chat", database = 0, isSharded = true)

        for (topic in listOf("", "room/1", "a}b", "{a}", "}", "é{x", "a{b}c")) {
            val slot = keys.slot(topic)
            for (key in keys.keys(topic)) SlotHash.getSlot(key) shouldBe slot
            SlotHash.getSlot(keys.channel(topic)) shouldBe slot
            keys.topic(keys.channel(topic)) shouldBe topic
        }
        keys.topic("live:chat:0/room".encodeToByteArray()) shouldBe null
    }
})

private fun broker(url: String) = RedisBroker(url) { namespace = "test" }

private fun configure(configure: RedisBrokerConfig.() -> Unit) =
    RedisBroker("redis://localhost") {
        namespace = "test"
        configure()
    }

private fun messageOf(block: () -> Unit): String = shouldThrow<IllegalArgumentException> { block() }.message!!
