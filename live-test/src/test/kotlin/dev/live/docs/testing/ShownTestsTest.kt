package dev.live.docs.testing

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import org.junit.runner.JUnitCore

/** The tests that the pages show pass: they are of JUnit, which does not run here by itself. */
class ShownTestsTest : FunSpec({

    test("the one of docs/testing.md") {
        TunnelTest().`what was typed in a tunnel is sent behind it`()
    }

    test("the one of docs/android.md, with its rule") {
        JUnitCore.runClasses(OfflineBannerTest::class.java).failures.shouldBeEmpty()
    }
})
