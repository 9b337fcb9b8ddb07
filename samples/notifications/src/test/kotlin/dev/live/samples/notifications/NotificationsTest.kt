package dev.live.samples.notifications

import dev.live.client.LiveClient
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.test.LiveTest
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import kotlin.time.Duration.Companion.milliseconds

class NotificationsTest : FunSpec({

    test("a notice reaches all devices of its user, and no others") {
        testLive(Application::notifications) {
            val phone = device("ann").received<Change>("notices/ann")
            val laptop = device("ann").received<Change>("notices/ann")
            val ofBob = device("bob").received<Change>("notices/bob")

            notify("ann", "Your parcel is on its way")
            notify("bob", "Your table is booked")

            phone.next().added?.text shouldBe "Your parcel is on its way"
            laptop.next().added?.text shouldBe "Your parcel is on its way"
            ofBob.next().added?.text shouldBe "Your table is booked"
        }
    }

    test("reading on one device updates the others and the unread count") {
        testLive(Application::notifications) {
            val phone = device("ann")
            val laptop = device("ann")
            notify("ann", "one")
            notify("ann", "two")
            val onLaptop = laptop.received<Change>("notices/ann")
            val counts = laptop.received<Unread>("unread/ann")

            phone.request<List<Long>, Boolean>("read", listOf(1L, 99L))

            onLaptop.next() shouldBe Change(read = listOf(1L))
            counts.next(2) shouldContainExactly listOf(Unread(2), Unread(1))
            inbox(laptop).map { it.read } shouldContainExactly listOf(true, false)
        }
    }

    test("marking a read notice again publishes nothing") {
        testLive(Application::notifications) {
            val phone = device("ann")
            notify("ann", "one")
            val received = phone.received<Change>("notices/ann")

            phone.request<List<Long>, Boolean>("read", listOf(1L))
            phone.request<List<Long>, Boolean>("read", listOf(1L))
            notify("ann", "two")

            received.next(2).map { it.added?.text } shouldContainExactly listOf(null, "two")
        }
    }

    test("a device receives missed changes once and in order after a reconnect") {
        testLive(Application::notifications) {
            val phone = device("ann", reconnect = ReconnectPolicy { 200.milliseconds })
            val received = phone.received<Change>("notices/ann")
            notify("ann", "before")

            live.sessionsOf("ann").single().close(CloseCode.Restart)
            phone.awaitDisconnected()
            notify("ann", "missed one")
            notify("ann", "missed two")
            phone.awaitConnected()
            notify("ann", "after")

            val texts = received.next(4).map { it.added?.text }
            texts shouldContainExactly listOf("before", "missed one", "missed two", "after")
            received.taken().shouldBeEmpty()
        }
    }

    test("ring reaches all devices and returns their number") {
        testLive(Application::notifications) {
            val phone = device("ann")
            val onPhone = phone.receivedDirectly()
            val onLaptop = device("ann").receivedDirectly()
            device("bob")

            val rung: Int = phone.request("ring", "phone")

            rung shouldBe 2
            for (received in listOf(onPhone, onLaptop)) received.next().decode<Ring>() shouldBe Ring("phone")
        }
    }

    test("signing out everywhere closes all sessions of the user, and no others") {
        testLive(Application::notifications) {
            val phone = device("ann")
            val laptop = device("ann")
            device("bob")

            phone.send(Message("sign-out-everywhere", body = Body.of("")))

            for (device in listOf(phone, laptop)) {
                device.awaitClosed().shouldBeInstanceOf<DisconnectCause.ClosedByServer>().code shouldBe CloseCode.Kicked
            }
            live.sessions.map { it.user } shouldContainExactly listOf("bob")
        }
    }

    test("clients cannot subscribe to topics of other users, and cannot publish") {
        testLive(Application::notifications) {
            val bob = device("bob")

            val rejected =
                listOf("notices/ann", "unread/ann").map { topic ->
                    val received = bob.received<Unread>(topic)
                    shouldThrow<LiveException> { received.next() }.code
                }
            bob.received<Change>("notices/bob")
            val published =
                shouldThrow<LiveException> { bob.topic<Change>("notices/bob").publish(Change(read = listOf(1))) }

            (rejected + published.code).distinct() shouldContainExactly listOf(ErrorCode.Forbidden)
        }
    }

    test("a missing or unknown token is rejected") {
        testLive(Application::notifications) {
            val withNone = client()
            val withAnother = client { bearer { "unknown-token" } }

            for (client in listOf(withNone, withAnother)) {
                client.awaitClosed()
            }
        }
    }

    test("a notice needs a text of valid length and a known user") {
        testLive(Application::notifications) {
            val statuses =
                listOf(
                    "ann" to " ",
                    "ann" to "x".repeat(1_001),
                    "eve" to "hello",
                    "ann" to "hello",
                ).map { (user, text) ->
                    httpClient.post("/notices/$user") { setBody(text) }.status
                }

            statuses shouldContainExactly
                listOf(
                    HttpStatusCode.BadRequest,
                    HttpStatusCode.PayloadTooLarge,
                    HttpStatusCode.NotFound,
                    HttpStatusCode.Accepted,
                )
        }
    }

    test("an inbox keeps the newest 100 notices") {
        testLive(Application::notifications) {
            repeat(101) { notify("ann", "notice $it") }

            val texts = inbox(device("ann")).map { it.text }

            texts.size shouldBe 100
            texts.first() shouldBe "notice 1"
        }
    }
})

private suspend fun LiveTest.device(user: String, reconnect: ReconnectPolicy? = null): LiveClient =
    connect {
        bearer { "token-of-$user" }
        if (reconnect != null) this.reconnect = reconnect
    }

private suspend fun LiveTest.notify(user: String, text: String) {
    httpClient.post("/notices/$user") { setBody(text) }.status shouldBe HttpStatusCode.Accepted
}

private suspend fun inbox(device: LiveClient): List<Notice> = device.request<String, InboxPage>("inbox", "").notices
