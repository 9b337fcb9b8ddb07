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
        context("on API level $api") { testsForApi(api) }
    }

    context("from API level 24 on") {
        test("monitors the default network") {
            val connectivity = FakeConnectivity()

            monitor(connectivity, api = 24).networks().test(timeout = 2.minutes) {
                awaitItem() shouldBe Network.None
                connectivity.registeredBy shouldBe "default"
            }
        }

        test("a replaced network emits the new one, and the loss of the old one changes nothing") {
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
        test("monitors every network with internet access") {
            val connectivity = FakeConnectivity()

            monitor(connectivity, api = 23).networks().test(timeout = 2.minutes) {
                awaitItem() shouldBe Network.None
                connectivity.registeredBy shouldBe "request"
            }
        }

        test("each added or lost network is emitted, and None after the last one") {
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

    test("uses the application context, so that an activity is not leaked") {
        val connectivity = FakeConnectivity()
        val activity = FakeContext(FakeConnectivity(), application = FakeContext(connectivity))

        AndroidNetworkMonitor(activity).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
            connectivity.registeredBy shouldBe "default"
        }
    }
})

private suspend fun FunSpecContainerScope.testsForApi(api: Int) {
    test("an existing network is emitted when Android reports it, not earlier") {
        val connectivity = FakeConnectivity().apply { active = wifi }

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            expectNoEvents()
            connectivity.callback?.onAvailable(wifi)

            awaitItem() shouldBe Network.Available("100")
        }
    }

    test("None is emitted immediately if there is no network, without an Android callback") {
        monitor(FakeConnectivity(), api).networks().first() shouldBe Network.None
    }

    test("the initial None does not override a network reported during registration") {
        val connectivity = FakeConnectivity().apply { onRegister = { it.onAvailable(wifi) } }

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.Available("100")
            expectNoEvents()
        }
    }

    test("a lost and restored network is emitted") {
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

    test("a network that is blocked for the application counts as None until it is unblocked") {
        val connectivity = FakeConnectivity()

        monitor(connectivity, api).networks().test(timeout = 2.minutes) {
            awaitItem() shouldBe Network.None
            connectivity.callback?.onAvailable(wifi)
            awaitItem() shouldBe Network.Available("100")
            connectivity.callback?.onBlockedStatusChanged(wifi, true)
            awaitItem() shouldBe Network.None
            connectivity.callback?.onBlockedStatusChanged(mobile, false) // never reported as available
            connectivity.callback?.onBlockedStatusChanged(wifi, false)

            awaitItem() shouldBe Network.Available("100")
        }
    }

    test("a slow collector receives only the newest change") {
        val connectivity = FakeConnectivity()
        connectivity.onRegister = { callback ->
            repeat(1_000) { callback.onLost(FakeNetwork("$it")) }
            callback.onAvailable(wifi)
        }

        val received = monitor(connectivity, api).networks().take(2).toList()

        received shouldBe listOf(Network.None, Network.Available("100"))
    }

    test("the callback is unregistered when the collector ends") {
        val connectivity = FakeConnectivity()

        monitor(connectivity, api).networks().first()

        connectivity.callback shouldBe null
    }

    test("without the permission, the flow fails with the name of the permission") {
        val connectivity = FakeConnectivity().apply { failure = SecurityException("needs ACCESS_NETWORK_STATE") }

        val error = shouldThrow<SecurityException> { monitor(connectivity, api).networks().first() }

        error.message shouldContain "declare android.permission.ACCESS_NETWORK_STATE in AndroidManifest.xml"
        generateSequence<Throwable>(error) { it.cause }.last().message shouldBe "needs ACCESS_NETWORK_STATE"
    }

    test("any other registration failure fails the flow unchanged") {
        val connectivity = FakeConnectivity().apply { failure = IllegalStateException("too many requests") }

        shouldThrow<IllegalStateException> { monitor(connectivity, api).networks().first() }.message shouldBe
            "too many requests"
    }
}

private val wifi = FakeNetwork("100")
private val mobile = FakeNetwork("101")

private fun monitor(connectivity: FakeConnectivity, api: Int) = AndroidNetworkMonitor(FakeContext(connectivity), api)
