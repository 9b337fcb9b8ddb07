package dev.live.sync.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeLessThanOrEqualTo
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import kotlin.random.Random

class ScopeCursorsTest : FunSpec({

    test("a cursor only increases") {
        val cursors = ScopeCursors(maxScopes = 10)

        cursors.raise("a", 5uL).shouldNotBeNull()
        cursors.raise("a", 5uL).shouldBeNull()
        cursors.raise("a", 4uL).shouldBeNull()
        cursors.raise("a", ULong.MAX_VALUE).shouldNotBeNull()
        cursors.raise("a", 1uL shl 63).shouldBeNull()

        cursors["a"] shouldBe ULong.MAX_VALUE
    }

    test("a cursor of zero is new the first time") {
        val cursors = ScopeCursors(maxScopes = 10)

        cursors["a"].shouldBeNull()
        cursors.raise("a", 0uL).shouldNotBeNull()
        cursors.raise("a", 0uL).shouldBeNull()

        cursors["a"] shouldBe 0uL
    }

    test("recently raised scopes are kept, and the size stays within the bound") {
        val cursors = ScopeCursors(maxScopes = 100)

        repeat(10_000) { n ->
            cursors.raise("s$n", n.toULong())
            cursors.raise("always", n.toULong())
            cursors.size shouldBeLessThanOrEqualTo 101
        }

        cursors["always"] shouldBe 9_999uL
        cursors["s9999"] shouldBe 9_999uL
        cursors["s0"].shouldBeNull()
    }

    test("concurrent threads leave a scope at its highest cursor during evictions") {
        repeat(50) { round ->
            val cursors = ScopeCursors(maxScopes = 64)
            val start = CountDownLatch(1)
            val threads =
                List(16) { n ->
                    thread {
                        val random = Random(round * 16 + n)
                        start.await()
                        for (cursor in (1..200).shuffled(random)) {
                            cursors.raise("hot", cursor.toULong())
                            cursors.raise("cold${random.nextInt(20)}", 1uL) // less than half of the bound
                        }
                    }
                }
            start.countDown()
            threads.forEach { it.join() }

            cursors["hot"] shouldBe 200uL
        }
    }

    test("one of the concurrent threads receives the highest cursor, also during rotations") {
        repeat(200) { round ->
            val cursors = ScopeCursors(maxScopes = 4)
            val start = CountDownLatch(1)
            val highest = Array<ULong?>(4) { null }
            val threads =
                List(4) { n ->
                    thread {
                        start.await()
                        repeat(50) { k ->
                            cursors.raise("other$n-$k-$round", 1uL)
                            val raised = cursors.raise("one", (k * 4 + n).toULong())
                            if (raised != null) highest[n] = maxOf(highest[n] ?: 0uL, raised.value)
                        }
                    }
                }
            start.countDown()
            threads.forEach { it.join() }

            highest.mapNotNull { it }.max() shouldBe 199uL
        }
    }
})
