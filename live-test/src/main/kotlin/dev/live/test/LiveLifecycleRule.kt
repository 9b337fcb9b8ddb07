package dev.live.test

import dev.live.client.connection.Network
import org.junit.rules.TestRule
import org.junit.runner.Description
import org.junit.runners.model.Statement

/**
 * A device and an application for a test of JUnit 4, as tests for Android are: its network comes and goes, and it is put in
 * the background and back, when the test says so.
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
 * Each test begins in the foreground, with a network called `wifi`, and fails if it leaves a client open. The rule needs JUnit
 * 4 in the test's class path, which live-test does not bring; [FakeNetworkMonitor] and [FakeAppLifecycle] need nothing. Any
 * thread.
 */
public class LiveLifecycleRule : TestRule {
    /** For `networkMonitor`. */
    public val network: FakeNetworkMonitor = FakeNetworkMonitor()

    /** For `lifecycle`. */
    public val app: FakeAppLifecycle = FakeAppLifecycle()

    /** The last activity has stopped: the client goes on for its `backgroundGrace`. */
    public fun background() {
        app.isForeground = false
    }

    /** An activity is seen again. */
    public fun foreground() {
        app.isForeground = true
    }

    /** The device loses its network. */
    public fun offline() {
        network.network = Network.None
    }

    /** The device has the network called [id], which tells it from others. */
    public fun online(id: String = "wifi") {
        network.network = Network.Available(id)
    }

    override fun apply(base: Statement, description: Description): Statement =
        object : Statement() {
            override fun evaluate() {
                online()
                foreground()
                base.evaluate()
                val left = maxOf(network.followers, app.followers)
                if (left == 0) return
                throw AssertionError(
                    "${description.displayName} left clients open: $left. Close each LiveClient it makes.",
                )
            }
        }
}
