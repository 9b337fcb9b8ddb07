package dev.live.server.frame

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.matchers.types.shouldNotBeSameInstanceAs
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicInteger

class NativePoolTest : FunSpec({

    test("an object is used again, but not by two callers at once") {
        val pool = NativePool(4, { Any() }, {})

        val first = pool.use { it }
        pool.use { outer ->
            outer shouldBeSameInstanceAs first
            pool.use { inner -> inner shouldNotBeSameInstanceAs outer }
        }
    }

    test("an object is ended instead of used again after a failure") {
        val ended = ArrayList<Any>()
        val pool = NativePool(4, { Any() }, { ended += it })
        lateinit var failed: Any

        shouldThrow<IllegalStateException> {
            pool.use {
                failed = it
                error("broken")
            }
        }

        ended shouldBe listOf(failed)
        pool.use { it shouldNotBeSameInstanceAs failed }
    }

    test("no object remains after the pool is closed while threads use it") {
        repeat(50) {
            val alive = AtomicInteger()
            val pool = NativePool(2, { alive.incrementAndGet() }, { alive.decrementAndGet() })

            coroutineScope {
                repeat(4) { launch(Dispatchers.Default) { repeat(200) { pool.use { } } } }
                launch(Dispatchers.Default) { pool.close() }
            }

            alive.get() shouldBe 0
        }
    }

    test("at most the maximum number of objects stays idle") {
        val alive = AtomicInteger()
        val pool = NativePool(2, { alive.incrementAndGet() }, { alive.decrementAndGet() })

        pool.use { pool.use { pool.use { pool.use { alive.get() shouldBe 4 } } } }

        alive.get() shouldBeLessThanOrEqual 2
    }
})
