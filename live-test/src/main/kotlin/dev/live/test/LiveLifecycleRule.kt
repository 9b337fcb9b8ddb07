package dev.live.test

import dev.live.client.connection.Network
import dev.live.client.testing.FakeAppLifecycle
import dev.live.client.testing.FakeNetworkMonitor
import org.junit.rules.TestRule
import org.junit.runner.Description
import org.junit.runners.model.Statement

/**
 * A JUnit 4 rule with a fake device for Android tests: the test sets the network, and moves the application to the
 * background and to the foreground.
 *
 * ```
 * @get:Rule
 * val device = LiveLifecycleRule()
 *
 * LiveClient(url) {
 *     networkMonitor = device.network
 *     lifecycle = device.app
 * }
 * device.offline()
 * ```
 *
 * Each test begins in the foreground with a network `wifi`, and fails if it leaves a client open. The rule needs JUnit
 * 4 on the test class path; live-test does not include it. [FakeNetworkMonitor] and [FakeAppLifecycle] work without
 * JUnit. Thread-safe.
 */
public class LiveLifecycleRule : TestRule {
    /** The value for the client's `networkMonitor`. */
    public val network: FakeNetworkMonitor = FakeNetworkMonitor()

    /** The value for the client's `lifecycle`. */
    public val app: FakeAppLifecycle = FakeAppLifecycle()

    /** Moves the application to the background. The client stays connected for its `backgroundGrace`. */
    public fun background() {
        app.isForeground = false
    }

    /** Moves the application to the foreground. */
    public fun foreground() {
        app.isForeground = true
    }

    /** Removes the device's network. */
    public fun offline() {
        network.network = Network.None
    }

    /** Connects the device to the network with this [id]. Different networks have different ids. */
    public fun online(id: String = "wifi") {
        network.network = Network.Available(id)
    }

    override fun apply(base: Statement, description: Description): Statement =
        object : Statement() {
            override fun evaluate() {
                online()
                foreground()
                base.evaluate()
                val open = maxOf(network.observers, app.observers)
                if (open == 0) return
                throw AssertionError(
                    "${description.displayName} left clients open: $open. Close each LiveClient that the test creates.",
                )
            }
        }
}
