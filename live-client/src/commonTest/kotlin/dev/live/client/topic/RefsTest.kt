package dev.live.client.topic

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class RefsTest {
    @Test
    fun `no ref comes twice, and each is known to be the client's own`() {
        val refs = Refs()

        val made = List(10_000) { refs.next() }

        assertEquals(made.size, made.toSet().size)
        assertTrue(made.all { Refs.isOwn(it) && !Refs.isServers(it) })
    }

    @Test
    fun `a key's length is counted in bytes`() {
        assertTrue(Refs.isOwn(Refs.ofKey("é".repeat(31))))
        assertFailsWith<IllegalArgumentException> { Refs.ofKey("é".repeat(32)) }
        assertFailsWith<IllegalArgumentException> { Refs.ofKey("") }
    }

    @Test
    fun `an application's own ref is free where it looks like nobody else's`() {
        Refs.requireFree("mine")

        assertFalse(Refs.isOwn("mine"))
        assertFailsWith<IllegalArgumentException> { Refs.requireFree(Refs().next()) }
    }
}
