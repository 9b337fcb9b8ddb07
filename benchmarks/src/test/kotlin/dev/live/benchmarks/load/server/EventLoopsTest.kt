package dev.live.benchmarks.load.server

import com.github.ajalt.clikt.core.CliktError
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe

class EventLoopsTest :
    FunSpec({
        test("every event loop has a name, and the default is one of them") {
            EventLoops.ALL.keys shouldContainExactly setOf("default", "nio", "epoll", "io_uring")
        }

        test("Java NIO is available everywhere") {
            NettyLoop.NIO.newGroup(1).apply { shutdownGracefully() }.executorCount() shouldBe 1
        }

        test("an event loop that the machine does not have is an error with the reason, not another loop") {
            val cause = ExceptionInInitializerError(UnsatisfiedLinkError("no libnetty in path"))

            shouldThrow<CliktError> { requireAvailable("io_uring", cause) }.message shouldBe
                "The event loop 'io_uring' is not available on this machine: " +
                "java.lang.UnsatisfiedLinkError: no libnetty in path"
        }
    })
