package dev.live.samples.syncpostgres

import dev.live.samples.shared.serve
import kotlinx.coroutines.runBlocking

/**
 * Serves the scopes of the database in `JDBC_URL` on the port in `PORT`, 8080 by default. Creates missing tables.
 */
fun main() {
    val url =
        requireNotNull(System.getenv("JDBC_URL")) {
            "JDBC_URL must be set to the database, such as jdbc:postgresql://localhost/live?user=me&password=secret"
        }
    runBlocking { Changes(url).createSchema() }
    serve("sync-postgres") { syncPostgres(url) }
}
