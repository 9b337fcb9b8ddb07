package dev.live.client.topic

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class RefsTest {
    @Test
    fun `refs are unique and recognized as the client's own`() {
        val refs = Refs()

        val refsMade = List(10_000) { refs.next() }

        assertEquals(refsMade.size, refsMade.toSet().size)
        assertTrue(refsMade.all { Refs.isGenerated(it) && !Refs.isServerRequest(it) })
    }

    @Test
    fun `the length of a key is counted in bytes`() {
        assertTrue(Refs.isGenerated(Refs.ofKey("é".repeat(31))))
        assertFailsWith<IllegalArgumentException> { Refs.ofKey("é".repeat(32)) }
        assertFailsWith<IllegalArgumentException> { Refs.ofKey("") }
    }

    @Test
    fun `an application ref is accepted if it has no reserved prefix`() {
        Refs.requireUnreserved("mine")

        assertFalse(Refs.isGenerated("mine"))
        assertFailsWith<IllegalArgumentException> { Refs.requireUnreserved(Refs().next()) }
    }
}
