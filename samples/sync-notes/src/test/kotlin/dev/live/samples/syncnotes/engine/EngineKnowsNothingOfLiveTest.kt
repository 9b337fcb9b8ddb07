package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Edit
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldContainExactly
import java.nio.file.Path
import kotlin.io.path.extension
import kotlin.io.path.readBytes
import kotlin.io.path.walk

class EngineKnowsNothingOfLiveTest : FunSpec({

    test("of live the engine knows the one interface that it calls") {
        val named = namesOfLive(SyncEngine::class.java)

        named shouldContainExactly setOf("dev/live/sync/SyncNotifier")
    }

    test("what goes over the wire knows nothing of live at all") {
        namesOfLive(Edit::class.java).shouldBeEmpty()
    }

    test("what does know it is found") {
        val module = Class.forName("dev.live.samples.syncnotes.SyncNotesKt")

        namesOfLive(module) shouldContain "dev/live/sync/server/LiveSyncNotifier"
    }
})

/** The classes of live, without the sample's, that the compiled classes in the folder of [one] and below it name. */
private fun namesOfLive(one: Class<*>): Set<String> {
    val classes = Path.of(one.protectionDomain.codeSource.location.toURI())
    val files = classes.resolve(one.packageName.replace('.', '/')).walk().filter { it.extension == "class" }
    return files
        .flatMap { NAME.findAll(it.readBytes().toString(Charsets.ISO_8859_1)) }
        .map { it.value }
        .filterNot { it.startsWith("dev/live/samples/syncnotes/") }
        .toSortedSet()
}

private val NAME = Regex("""dev/live/[\w/$]+""")
