package dev.live.samples.syncpostgres

import dev.live.sync.SyncNotifier
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.sql.Connection
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.minutes

/** A database for one test, with the tables of `schema.sql`. */
class TestDatabase private constructor(private val server: TestPostgres, private val name: String) {
    val url: String = server.url(name)

    fun connect(): Connection = server.connect(name)

    /** Runs [sql] in its own transaction. */
    fun run(sql: String): Unit = connect().use { it.run(sql) }

    fun write(scope: String): Unit = run("INSERT INTO changes (scope, body) VALUES ('$scope', 'x')")

    /** Runs eight concurrent writers with [each] transactions of one change. Returns after all commits. */
    suspend fun writeByEight(scope: String, each: Int): Unit =
        coroutineScope {
            repeat(8) {
                launch(Dispatchers.IO) {
                    connect().use { connection ->
                        connection.autoCommit = false
                        repeat(each) {
                            connection.run("INSERT INTO changes (scope, body) VALUES ('$scope', 'x')")
                            // lets other writers run between the write and the commit
                            connection.run("SELECT count(*) FROM changes")
                            connection.commit()
                        }
                    }
                }
            }
        }

    /** The process ids of the listener connections. */
    fun listeners(): List<Int> =
        connect().use { connection ->
            val sql = "SELECT pid FROM pg_stat_activity WHERE datname = '$name' AND application_name = 'live-sync'"
            connection.createStatement().executeQuery(sql).use { buildList { while (it.next()) add(it.getInt(1)) } }
        }

    suspend fun awaitNoListener(): Unit = eventually(1.minutes) { listeners() shouldBe emptyList() }

    /** Rejects or allows new connections. Existing connections stay open. */
    fun allowConnections(allow: Boolean): Unit =
        server.connect("postgres").use { it.run("ALTER DATABASE $name ALLOW_CONNECTIONS $allow") }

    companion object {
        private val number = AtomicInteger()

        suspend fun on(server: TestPostgres): TestDatabase {
            val name = "test${number.incrementAndGet()}"
            server.connect("postgres").use { it.run("CREATE DATABASE $name") }
            Changes(server.url(name)).createSchema()
            return TestDatabase(server, name)
        }
    }
}

fun Connection.run(sql: String) {
    createStatement().use { it.execute(sql) }
}

/** Records notified cursors in order. */
class NotifiedCursors : SyncNotifier {
    private val cursors = Channel<Pair<String, ULong>>(Channel.UNLIMITED)

    override fun notify(scope: String, cursor: ULong) {
        cursors.trySend(scope to cursor)
    }

    suspend fun next(): Pair<String, ULong> = withTimeout(1.minutes) { cursors.receive() }
}
