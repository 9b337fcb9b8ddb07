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

    test("what ann is told reaches all of her devices, and none of bob's") {
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

    test("what is read on one device is read on the others, and the count follows") {
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

    test("reading what is read already is told to nobody") {
        testLive(Application::notifications) {
            val phone = device("ann")
            notify("ann", "one")
            val heard = phone.received<Change>("notices/ann")

            phone.request<List<Long>, Boolean>("read", listOf(1L))
            phone.request<List<Long>, Boolean>("read", listOf(1L))
            notify("ann", "two")

            heard.next(2).map { it.added?.text } shouldContainExactly listOf(null, "two")
        }
    }

    test("a device that was away gets what it missed, once and in order") {
        testLive(Application::notifications) {
            val phone = device("ann", away = ReconnectPolicy { 200.milliseconds })
            val heard = phone.received<Change>("notices/ann")
            notify("ann", "before")

            live.sessionsOf("ann").single().close(CloseCode.Restart)
            phone.awaitDisconnected()
            notify("ann", "meanwhile")
            notify("ann", "meanwhile too")
            phone.awaitConnected()
            notify("ann", "after")

            val texts = heard.next(4).map { it.added?.text }
            texts shouldContainExactly listOf("before", "meanwhile", "meanwhile too", "after")
            heard.taken().shouldBeEmpty()
        }
    }

    test("a device that looks for the others rings them all, and is told how many") {
        testLive(Application::notifications) {
            val phone = device("ann")
            val onPhone = phone.receivedDirectly()
            val onLaptop = device("ann").receivedDirectly()
            device("bob")

            val rung: Int = phone.request("ring", "phone")

            rung shouldBe 2
            for (heard in listOf(onPhone, onLaptop)) heard.next().decode<Ring>() shouldBe Ring("phone")
        }
    }

    test("signing out everywhere ends all of a user's sessions for good, and nobody else's") {
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

    test("nobody gets into what is another user's, and nobody but the server publishes") {
        testLive(Application::notifications) {
            val bob = device("bob")

            val refused =
                listOf("notices/ann", "unread/ann").map { topic ->
                    val heard = bob.received<Unread>(topic)
                    shouldThrow<LiveException> { heard.next() }.code
                }
            bob.received<Change>("notices/bob")
            val published =
                shouldThrow<LiveException> { bob.topic<Change>("notices/bob").publish(Change(read = listOf(1))) }

            (refused + published.code).distinct() shouldContainExactly listOf(ErrorCode.Forbidden)
        }
    }

    test("who has no token, or one that is not known, is not let in") {
        testLive(Application::notifications) {
            val withNone = client()
            val withAnother = client { bearer { "token of eve" } }

            for (client in listOf(withNone, withAnother)) {
                client.awaitClosed()
            }
        }
    }

    test("a notice must have a text of a sensible length, and somebody to go to") {
        testLive(Application::notifications) {
            val answers =
                listOf(
                    "ann" to " ",
                    "ann" to "x".repeat(1_001),
                    "eve" to "hello",
                    "ann" to "hello",
                ).map { (user, text) ->
                    httpClient.post("/notices/$user") { setBody(text) }.status
                }

            answers shouldContainExactly
                listOf(
                    HttpStatusCode.BadRequest,
                    HttpStatusCode.PayloadTooLarge,
                    HttpStatusCode.NotFound,
                    HttpStatusCode.Accepted,
                )
        }
    }

    test("an inbox keeps the newest hundred") {
        testLive(Application::notifications) {
            repeat(101) { notify("ann", "notice $it") }

            val texts = inbox(device("ann")).map { it.text }

            texts.size shouldBe 100
            texts.first() shouldBe "notice 1"
        }
    }
})

private suspend fun LiveTest.device(user: String, away: ReconnectPolicy? = null): LiveClient =
    connect {
        bearer { "token-of-$user" }
        if (away != null) reconnect = away
    }

private suspend fun LiveTest.notify(user: String, text: String) {
    httpClient.post("/notices/$user") { setBody(text) }.status shouldBe HttpStatusCode.Accepted
}

private suspend fun inbox(device: LiveClient): List<Notice> = device.request<String, InboxPage>("inbox", "").notices
