package dev.live.client.android

import app.cash.turbine.test
import dev.live.client.connection.Network
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.core.spec.style.scopes.FunSpecContainerScope
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlin.time.Duration.Companion.minutes

class AndroidNetworkMonitorTest : FunSpec({

    for (api in listOf(21, 23, 24, 35)) {
        context("on API level $api") { everyLevel(api) }
    }

    context("from API level 24 on") {
        test("the default network is followed") {
            val connectivity = FakeConnectivity()

            monitor(connectivity, api = 24).networks().test(timeout = 2.minutes) {
                awaitItem() shouldBe Network.None
                connectivity.registeredBy shouldBe "default"
            }
        }

        test("a network in the place of another is told once, and the end of the other one is no news") {
            val connectivity = FakeConnectivity().apply { active = wifi }

            monitor(connectivity, api = 24).networks().test(timeout = 2.minutes) {
                connectivity.callback?.onAvailable(wifi)
                awaitItem() shouldBe Network.Available("100")

                connectivity.callback?.onAvailable(mobile)
                awaitItem() shouldBe Network.Available("101")
                connectivity.callback?.onLost(wifi)

                awaitItem() shouldBe Network.Available("101")
            }
        }
    }

    context("below API level 24") {
        test("every network that reaches the internet is followed") {
            val connectivity = FakeConnectivity()

            monitor(connectivity, api = 23).networks().test(timeout = 2.minutes) {
                awaitItem() shouldBe Network.None
                connectivity.registeredBy shouldBe "request"
            }
        }

        test("each that comes or goes is news, and there is none when the last has gone") {
            val connectivity = FakeConnectivity().apply { active = wifi }

            monitor(connectivity, api = 23).networks().test(timeout = 2.minutes) {
                connectivity.callback?.onAvailable(wifi)
                awaitItem() shouldBe Network.Available("100")
                connectivity.callback?.onAvailable(mobile)
                awaitItem() shouldBe Network.Available("100+101")
                connectivity.callback?.onLost(wifi)
                awaitItem() shouldBe Network.Available("101")
                connectivity.callback?.onLost(mobile)

                awaitItem() shouldBe Network.None
            }
        }
    }

    test("the application's context is asked, so that an activity is not held") {
        val connectivity = FakeConnectivity()
        val activity = FakeContext(FakeConnectivity(), application = FakeContext(connectivity))

        AndroidNetworkMonitor(activity).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
            connectivity.registeredBy shouldBe "default"
        }
    }
})

private suspend fun FunSpecContainerScope.everyLevel(api: Int) {
    test("a network that is there is told when Android announces it, and not before") {
        val connectivity = FakeConnectivity().apply { active = wifi }

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            expectNoEvents()
            connectivity.callback?.onAvailable(wifi)

            awaitItem() shouldBe Network.Available("100")
        }
    }

    test("that there is none is told at once, though Android says nothing") {
        monitor(FakeConnectivity(), api).networks().first() shouldBe Network.None
    }

    test("a network that is announced while the callback is registered is not taken back") {
        val connectivity = FakeConnectivity().apply { onRegister = { it.onAvailable(wifi) } }

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.Available("100")
            expectNoEvents()
        }
    }

    test("a network that is lost and returns is told") {
        val connectivity = FakeConnectivity()

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
            connectivity.callback?.onAvailable(wifi)
            awaitItem() shouldBe Network.Available("100")
            connectivity.callback?.onLost(wifi)
            awaitItem() shouldBe Network.None
            connectivity.callback?.onAvailable(mobile)
            awaitItem() shouldBe Network.Available("101")
        }
    }

    test("a network that is blocked for the application is none until it is let through again") {
        val connectivity = FakeConnectivity()

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
            connectivity.callback?.onAvailable(wifi)
            awaitItem() shouldBe Network.Available("100")
            connectivity.callback?.onBlockedStatusChanged(wifi, true)
            awaitItem() shouldBe Network.None
            connectivity.callback?.onBlockedStatusChanged(mobile, false) // nobody announced it
            connectivity.callback?.onBlockedStatusChanged(wifi, false)

            awaitItem() shouldBe Network.Available("100")
        }
    }

    test("of changes that come faster than they are collected the newest is told") {
        val connectivity = FakeConnectivity()
        connectivity.onRegister = { callback ->
            repeat(1_000) { callback.onLost(FakeNetwork("$it")) }
            callback.onAvailable(wifi)
        }

        val told = monitor(connectivity, api).networks().take(2).toList()

        told shouldBe listOf(Network.None, Network.Available("100"))
    }

    test("the callback is taken away when the collector ends") {
        val connectivity = FakeConnectivity()

        monitor(connectivity, api).networks().first()

        connectivity.callback shouldBe null
    }

    test("without the permission the flow fails and says which one it is") {
        val connectivity = FakeConnectivity().apply { refusal = SecurityException("needs ACCESS_NETWORK_STATE") }

        val failure = shouldThrow<SecurityException> { monitor(connectivity, api).networks().first() }

        failure.message shouldContain "declare android.permission.ACCESS_NETWORK_STATE in AndroidManifest.xml"
        generateSequence<Throwable>(failure) { it.cause }.last().message shouldBe "needs ACCESS_NETWORK_STATE"
    }

    test("another refusal fails the flow as it is") {
        val connectivity = FakeConnectivity().apply { refusal = IllegalStateException("too many requests") }

        shouldThrow<IllegalStateException> { monitor(connectivity, api).networks().first() }.message shouldBe
            "too many requests"
    }
}

private val wifi = FakeNetwork("100")
private val mobile = FakeNetwork("101")

private fun monitor(connectivity: FakeConnectivity, api: Int) = AndroidNetworkMonitor(FakeContext(connectivity), api)
