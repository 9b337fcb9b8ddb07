package dev.live.netty

import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.engine.connector
import io.ktor.server.netty.EngineMain
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.epoll.Epoll
import io.netty.channel.kqueue.KQueue
import io.netty.channel.nio.NioIoHandler
import io.netty.channel.socket.nio.NioServerSocketChannel
import io.netty.channel.uring.IoUring
import io.netty.util.Version
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import kotlin.time.Duration.Companion.minutes

class EventLoopsTest : FunSpec({

    test("by default a server uses epoll on Linux, kqueue on macOS and otherwise NIO, and logs it once") {
        val (channel, name) = when {
            Epoll.isAvailable() -> "EpollSocketChannel" to "epoll"
            KQueue.isAvailable() -> "KQueueSocketChannel" to "kqueue"
            else -> "NioSocketChannel" to "nio"
        }

        val observed = serveOnce { liveEventLoops() }

        observed.channel shouldBe channel
        observed.messages shouldBe listOf("Netty event loop: $name")
    }

    test("this build machine for Linux has epoll, or the other tests prove little")
        .config(enabled = isLinux) {
            Epoll.unavailabilityCause() shouldBe null
        }

    test("io_uring is used if it is selected").config(enabled = IoUring.isAvailable()) {
        val observed = serveOnce { liveEventLoops(EventLoops.IoUring) }

        observed.channel shouldBe "IoUringSocketChannel"
        observed.messages shouldBe listOf("Netty event loop: io_uring")
    }

    test("NIO can be selected") {
        val observed = serveOnce { liveEventLoops(EventLoops.Nio) }

        observed.channel shouldBe "NioSocketChannel"
        observed.messages shouldBe listOf("Netty event loop: nio")
    }

    test("the system property takes precedence over the code") {
        withProperty("NIO") {
            serveOnce { liveEventLoops(EventLoops.Epoll) }.messages shouldBe listOf("Netty event loop: nio")
        }
    }

    test("an unknown value of the system property is rejected with the known ones") {
        withProperty("epol") {
            shouldThrow<IllegalArgumentException> { server { liveEventLoops() } }.message shouldBe
                "Unknown value 'epol' of the system property live.netty.eventLoop. " +
                "Use one of auto, epoll, io_uring, kqueue, nio."
        }
    }

    test("the last call counts") {
        val observed = serveOnce {
            liveEventLoops(EventLoops.Auto)
            liveEventLoops(EventLoops.Nio)
        }

        observed.messages shouldBe listOf("Netty event loop: nio")
    }

    test("other settings of configureBootstrap stay") {
        var isCalled = false

        val observed = serveOnce {
            configureBootstrap = { isCalled = true }
            liveEventLoops(EventLoops.Nio)
        }

        isCalled shouldBe true
        observed.messages shouldBe listOf("Netty event loop: nio")
    }

    test("event loops that configureBootstrap has set are not replaced") {
        val observed = serveOnce {
            configureBootstrap = {
                group(MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory()))
                channel(NioServerSocketChannel::class.java)
            }
            liveEventLoops()
        }

        observed.channel shouldBe "NioSocketChannel"
        observed.messages shouldBe listOf("Netty event loop: set by configureBootstrap")
    }

    test("with shareWorkGroup the loops also run the calls") {
        var workers = 0
        serveOnce {
            shareWorkGroup = true
            workerGroupSize = 2
            callGroupSize = 3
            liveEventLoops(EventLoops.Nio)
            val bootstrap = configureBootstrap
            configureBootstrap = {
                bootstrap()
                workers = config().childGroup().count()
            }
        }

        workers shouldBe 5
    }

    test("EngineMain can use the loops too") {
        val server = EngineMain.createServer(arrayOf("-port=0", "-host=127.0.0.1"))
        server.engineConfig.liveEventLoops(EventLoops.Nio)

        server.start(wait = false)

        loopThreads("nio").isEmpty() shouldBe false
        server.stop(gracePeriodMillis = 0, timeoutMillis = 2_000)
    }

    for (loops in EventLoops.entries) {
        test("a stopped server leaves no thread of its loops, $loops") {
            serveOnce { liveEventLoops(loops) }

            eventually(1.minutes) { loopThreads("").shouldBeEmpty() }
        }
    }

    for (loops in EventLoops.entries) {
        test("a server that finds its port taken leaves no thread of its loops, $loops") {
            ServerSocket(0, 1, InetAddress.getByName("127.0.0.1")).use { taken ->
                val server = server(taken.localPort) { liveEventLoops(loops) }

                shouldThrow<IOException> { server.start(wait = false) }

                eventually(1.minutes) { loopThreads("").shouldBeEmpty() }
            }
        }
    }

    test("a server with one taken port of two leaves no thread of its loops") {
        ServerSocket(0, 1, InetAddress.getByName("127.0.0.1")).use { taken ->
            val server = server {
                connector {
                    host = "127.0.0.1"
                    port = taken.localPort
                }
                liveEventLoops()
            }

            shouldThrow<IOException> { server.start(wait = false) }

            eventually(1.minutes) { loopThreads("").shouldBeEmpty() }
        }
    }

    test("all artifacts of Netty have one version") {
        val versions = Version.identify().mapValues { it.value.artifactVersion() }

        versions.filterValues { it != versions["netty-common"] } shouldBe emptyMap()
        (versions["netty-transport-native-io_uring"] == null) shouldBe false
    }

    test(
        "without the native libraries the loop is NIO, and one warning names the selected loop, the reason and the fix",
    ) {
        val output = runWithoutNatives("io_uring")

        output.last() shouldBe "hello"
        val warning = output.single { " WARN " in it }
        warning shouldContain
            "The event loop io_uring is not available: java.io.FileNotFoundException: META-INF/native/"
        warning shouldContain "Using nio instead."
        warning shouldContain "-Dlive.netty.eventLoop=auto"
        output.count { "Netty event loop: nio" in it } shouldBe 1
    }

    test("without the native libraries there is no warning about loops that nobody selected") {
        val output = runWithoutNatives("auto")

        output.last() shouldBe "hello"
        output.filter { " WARN " in it }.shouldBeEmpty()
        output.count { "Netty event loop: nio" in it } shouldBe 1
    }
})

private val isLinux = System.getProperty("os.name").startsWith("Linux")

internal fun loopThreads(name: String): List<String> =
    Thread.getAllStackTraces().keys.map { it.name }.filter { it.startsWith("netty-$name") }

private suspend fun withProperty(value: String, block: suspend () -> Unit) {
    val before = System.getProperty(PROPERTY)
    System.setProperty(PROPERTY, value)
    try {
        block()
    } finally {
        if (before == null) System.clearProperty(PROPERTY) else System.setProperty(PROPERTY, before)
    }
}

/** Runs [main] in a JVM without native libraries on its class path. Returns the lines that it has printed. */
private fun runWithoutNatives(setting: String): List<String> {
    val classPath = System.getProperty("java.class.path").split(':').filterNot { NATIVE.containsMatchIn(it) }
    val process =
        ProcessBuilder(
            "${System.getProperty("java.home")}/bin/java",
            "-XX:TieredStopAtLevel=1",
            "-D$PROPERTY=$setting",
            "-cp",
            classPath.joinToString(":"),
            "dev.live.netty.MainWithoutNatives",
        ).redirectErrorStream(true).start()
    val lines = process.inputStream.bufferedReader().readLines()
    process.waitFor() shouldBe 0
    return lines.filter { it.isNotBlank() }
}

private val NATIVE = Regex("netty-transport-native-.*-(linux|osx)-.*\\.jar$")
