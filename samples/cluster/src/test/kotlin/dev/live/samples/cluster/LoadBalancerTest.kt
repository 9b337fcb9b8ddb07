package dev.live.samples.cluster

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import kotlin.concurrent.thread

class LoadBalancerTest : FunSpec({

    test("connections go to one ready node after the other") {
        val nodes = listOf("a", "b", "c").map(::EchoNode)
        withBalancer({ nodes.map { it.port } }) { balancer ->
            List(4) { ask(balancer.port, "-") } shouldContainExactly listOf("a-", "b-", "c-", "a-")
        }
        nodes.forEach { it.close() }
    }

    test("a node that has ended is skipped, although its last check was successful") {
        val nodes = listOf("a", "b", "c").map(::EchoNode)
        nodes[1].close()
        withBalancer({ nodes.map { it.port } }) { balancer ->
            List(4) { ask(balancer.port, "-") } shouldContainExactly listOf("a-", "c-", "c-", "a-")
        }
        nodes.forEach { it.close() }
    }

    test("a connection is closed if no node is ready") {
        withBalancer({ emptyList() }) { balancer ->
            ask(balancer.port, "-") shouldBe ""
        }
    }

    test("a large message arrives completely in both directions") {
        EchoNode("a").use { node ->
            withBalancer({ listOf(node.port) }) { balancer ->
                val text = "0123456789".repeat(300_000)

                ask(balancer.port, text) shouldBe "a$text"
            }
        }
    }
})

private suspend fun withBalancer(nodes: () -> List<Int>, test: suspend CoroutineScope.(LoadBalancer) -> Unit) {
    LoadBalancer.bind(port = 0, nodes).use { balancer ->
        coroutineScope {
            val running = launch(Dispatchers.Default) { balancer.run() }
            test(balancer)
            running.cancel()
        }
    }
}

/** Sends [text], ends the output and returns the complete answer. */
private suspend fun ask(port: Int, text: String): String =
    withContext(Dispatchers.IO) {
        Socket(InetAddress.getLoopbackAddress(), port).use { socket ->
            val answer = async { socket.getInputStream().readAllBytes().decodeToString() }
            socket.getOutputStream().write(text.encodeToByteArray())
            socket.shutdownOutput()
            answer.await()
        }
    }

/** A server that sends its name and then all that it receives. */
private class EchoNode(name: String) : AutoCloseable {
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    val port: Int get() = listener.localPort

    init {
        thread(isDaemon = true) {
            while (!listener.isClosed) {
                val socket = runCatching { listener.accept() }.getOrNull() ?: return@thread
                thread(isDaemon = true) {
                    socket.use {
                        it.getOutputStream().write(name.encodeToByteArray())
                        it.getInputStream().transferTo(it.getOutputStream())
                    }
                }
            }
        }
    }

    override fun close(): Unit = listener.close()
}
