package dev.live.server.http

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlin.coroutines.EmptyCoroutineContext

class SessionDispatcherTest : FunSpec({

    test("sessions run on the engine's dispatcher, but never on Dispatchers.IO") {
        sessionDispatcher(Dispatchers.Unconfined) shouldBe Dispatchers.Unconfined
        sessionDispatcher(Dispatchers.IO) shouldBe Dispatchers.Default
        sessionDispatcher(EmptyCoroutineContext) shouldBe Dispatchers.Default
    }
})
