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

class EngineDependenciesTest : FunSpec({

    test("the engine depends only on SyncNotifier of live") {
        val references = referencesToLive(SyncEngine::class.java)

        references shouldContainExactly setOf("dev/live/sync/SyncNotifier")
    }

    test("the wire types do not depend on live") {
        referencesToLive(Edit::class.java).shouldBeEmpty()
    }

    test("the check finds dependencies on live") {
        val module = Class.forName("dev.live.samples.syncnotes.SyncNotesKt")

        referencesToLive(module) shouldContain "dev/live/sync/server/LiveSyncNotifier"
    }
})

/** The classes of live that the compiled classes in the package of [one] and below reference. */
private fun referencesToLive(one: Class<*>): Set<String> {
    val classes = Path.of(one.protectionDomain.codeSource.location.toURI())
    val files = classes.resolve(one.packageName.replace('.', '/')).walk().filter { it.extension == "class" }
    return files
        .flatMap { NAME.findAll(it.readBytes().toString(Charsets.ISO_8859_1)) }
        .map { it.value }
        .filterNot { it.startsWith("dev/live/samples/syncnotes/") }
        .toSortedSet()
}

private val NAME = Regex("""dev/live/[\w/$]+""")
