package dev.live.redis

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.newNamespace
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.nodes
import dev.live.server.sendToSessionOnAllNodes
import dev.live.server.session.publish
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.install
import io.ktor.server.routing.routing

/** Operations of one node on the sessions of another one. */
class LiveOperationsTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("messages to a user and to a session reach another node, and nobody else") {
        withTwoNodes(redis) { a, b ->
            val ann = b.connect("/live?name=ann").run { b.run { receivedDirectly() } }
            val bob = b.connect("/live?name=bob").run { b.run { receivedDirectly() } }
            val session = b.live.sessionsOf("bob").single()

            a.live.sendToUserOnAllNodes("ann", Message("for-ann")) shouldBe 0
            a.live.sendToSessionOnAllNodes(session.id, Message("for-bob")) shouldBe false
            b.live.sendToSessionOnAllNodes(session.id, Message("for-bob-too")) shouldBe true
            a.live.broadcastOnAllNodes(Message("for-all"))

            listOf(ann.next().type, ann.next().type) shouldBe listOf("for-ann", "for-all")
            List(3) { bob.next().type }.toSet() shouldBe setOf("for-bob", "for-bob-too", "for-all")
        }
    }

    test("a kick of a user closes the sessions of all nodes, and of this user only") {
        withTwoNodes(redis) { a, b ->
            val ann = listOf(a.connect("/live?name=ann"), b.connect("/live?name=ann"))
            val bob = b.connect("/live?name=bob")

            a.live.kickUserOnAllNodes("ann", "account closed") shouldBe 1

            for (client in ann) {
                val cause = a.run { client.awaitClosed() }
                cause.shouldBeInstanceOf<DisconnectCause.ClosedByServer>().code shouldBe CloseCode.Kicked
            }
            bob.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("every node has the status of all nodes, without those that have ended") {
        val namespace = newNamespace()
        node(redis, namespace) {
            val a = this
            node(redis, namespace) {
                val b = this
                a.connect("/live?name=ann")
                b.connect("/live?name=ann")
                b.connect("/live?name=bob")

                for (node in listOf(a, b)) {
                    eventually(HANG_TIMEOUT) { node.live.nodes.map { it.sessions }.sorted() shouldBe listOf(1, 2) }
                }
                a.live.nodes.map { it.id } shouldBe b.live.nodes.map { it.id }
            }
            eventually(HANG_TIMEOUT) { a.live.nodes.map { it.sessions } shouldBe listOf(1) }
        }
    }

    test("a publication with an exception reaches all subscribers of all nodes but that session") {
        withTwoNodes(redis) { a, b ->
            val ann = a.connect("/live?name=ann").run { a.run { received<String>("room") } }
            val bob = b.connect("/live?name=bob").run { b.run { received<String>("room") } }
            for (node in listOf(a, b)) {
                eventually(HANG_TIMEOUT) { node.live.topic("room").subscribers shouldBe 1 }
            }

            a.live.topic("room").publish("not for bob", except = b.live.sessionsOf("bob").single())
            b.live.topic("room").publish("not for ann", except = a.live.sessionsOf("ann").single())
            a.live.topic("room").publish("for both", except = a.live.sessionsOf("ann").single())

            ann.next() shouldBe "not for bob"
            bob.next() shouldBe "not for ann"
            bob.next() shouldBe "for both"
        }
    }
})

/** Runs [test] on two nodes that receive the operations of each other. */
private fun withTwoNodes(redis: RedisServer, test: suspend (LiveTest, LiveTest) -> Unit) {
    val namespace = newNamespace()
    node(redis, namespace) {
        val a = this
        node(redis, namespace) {
            // a node subscribes to the operations of others when it starts, without a signal when it has
            eventually(HANG_TIMEOUT) {
                redis.command("PUBSUB", "NUMSUB", "live:$namespace:0/") shouldBe listOf("live:$namespace:0/", 2L)
            }
            test(a, this)
        }
    }
}

private fun node(redis: RedisServer, name: String, test: suspend LiveTest.() -> Unit) =
    testLive(
        {
            install(Live) { broker(RedisBroker(redis.url) { namespace = name }) }
            routing {
                live<String>("/live") {
                    authenticate { call -> call.request.queryParameters["name"] }
                    user { it }
                    topic<String>("room")
                }
            }
        },
        test = test,
    )
