package dev.live.docs.testing

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import org.junit.runner.JUnitCore

/** Runs the JUnit tests of the docs, which this module's test engine does not discover. */
class ShownTestsTest : FunSpec({

    test("the test of docs/testing.md passes") {
        OutageTest().`a message sent during an outage is delivered after it`()
    }

    test("the test of docs/android.md passes with its rule") {
        JUnitCore.runClasses(OfflineBannerTest::class.java).failures.shouldBeEmpty()
    }
})
