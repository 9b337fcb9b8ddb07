package dev.live.server.endpoint

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlin.coroutines.EmptyCoroutineContext

class PlaceOfTest : FunSpec({

    test("sessions run where their engine does, but never where threads may block") {
        placeOf(Dispatchers.Unconfined) shouldBe Dispatchers.Unconfined
        placeOf(Dispatchers.IO) shouldBe Dispatchers.Default
        placeOf(EmptyCoroutineContext) shouldBe Dispatchers.Default
    }
})
