package dev.live.samples.syncpostgres

import org.apache.commons.compress.archivers.tar.TarArchiveInputStream
import org.tukaani.xz.XZInputStream
import java.io.File
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.file.Files
import java.nio.file.LinkOption
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.attribute.PosixFileAttributeView
import java.nio.file.attribute.PosixFilePermissions
import java.sql.Connection
import java.sql.DriverManager
import java.sql.SQLException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.io.path.createDirectory
import kotlin.io.path.deleteRecursively

/**
 * A PostgreSQL server for tests, on a free loopback port. [close] deletes its data directory.
 *
 * PostgreSQL does not run as root. In a build as root, such as in a container, it runs as the user nobody, or in a user
 * namespace.
 */
class TestPostgres : AutoCloseable {
    private val home: Path = Files.createTempDirectory("sync-postgres")
    private val data: Path = home.resolve("data").createDirectory()
    private val log: File = home.resolve("log").toFile()
    private val launcher: List<String> = launcher()
    val port: Int
    private val server: Process

    init {
        Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxr-xr-x"))
        try {
            unpack(home)
            if (launcher == AS_NOBODY) data.giveTo("nobody")
            initialize()
            port = freePort()
            server = start()
            try {
                awaitReady()
            } catch (e: Throwable) {
                stop()
                throw e
            }
        } catch (e: Throwable) {
            delete()
            throw e
        }
    }

    /** The JDBC URL of [database]. */
    fun url(database: String): String = "jdbc:postgresql://127.0.0.1:$port/$database?user=postgres"

    fun connect(database: String): Connection = DriverManager.getConnection(url(database))

    override fun close() {
        stop()
        delete()
    }

    private fun initialize() {
        val command = launcher + listOf(bin("initdb"), "-D", "$data", "-U", "postgres", "-A", "trust", "-E", "UTF8")
        val process = process(command + listOf("--locale=C", "--no-sync")).start()
        if (!process.waitFor(STARTS_WITHIN_S, TimeUnit.SECONDS)) process.destroyForcibly()
        check(process.waitFor() == 0) { "initdb failed: ${log.readText()}" }
    }

    private fun start(): Process {
        val command = launcher + listOf(bin("postgres"), "-D", "$data", "-p", "$port", "-F")
        val settings = listOf("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        val started = CompletableFuture<Process>()
        // this thread lives as long as the server: setpriv takes the end of the starting thread for that of the parent
        thread(isDaemon = true, name = "postgres") {
            try {
                started.complete(process(command + settings).start())
                started.join().waitFor()
            } catch (e: IOException) {
                started.completeExceptionally(e)
            }
        }
        return started.join()
    }

    private fun awaitReady() {
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(STARTS_WITHIN_S)
        while (true) {
            try {
                return connect("postgres").close()
            } catch (e: SQLException) {
                if (!server.isAlive || System.nanoTime() > end) throw IllegalStateException(log.readText(), e)
                server.waitFor(LOOK_EVERY_MS, TimeUnit.MILLISECONDS)
            }
        }
    }

    /** Sends SIGINT, which closes all connections. `destroy` would send SIGTERM, which waits for them. */
    private fun stop() {
        process(listOf("kill", "-INT", "${server.pid()}")).start().waitFor()
        if (!server.waitFor(STOPS_WITHIN_S, TimeUnit.SECONDS)) server.destroyForcibly().waitFor()
    }

    @OptIn(kotlin.io.path.ExperimentalPathApi::class)
    private fun delete() = home.deleteRecursively()

    private fun bin(name: String): String = home.resolve("bin").resolve(name).toString()

    private fun process(command: List<String>) = ProcessBuilder(command)
        .directory(home.toFile())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log))

    private companion object {
        const val STARTS_WITHIN_S = 120L
        const val STOPS_WITHIN_S = 30L
        const val LOOK_EVERY_MS = 50L

        /** If available, stops PostgreSQL when the build process ends for any reason. */
        val WITH_PARENT = listOf("setpriv", "--pdeathsig", "INT")
        val AS_NOBODY = listOf("setpriv", "--reuid", "nobody", "--clear-groups", "--pdeathsig", "INT")
        val IN_NAMESPACE = listOf("unshare", "-U")
        val PLATFORMS = listOf("linux-x86_64", "linux-arm_64", "darwin-x86_64", "darwin-arm_64")

        /** The command prefix that avoids running as root. */
        fun launcher(): List<String> {
            if (userIdWith(emptyList()) != 0) return WITH_PARENT.takeIf { userIdWith(it) != null } ?: emptyList()
            return listOf(AS_NOBODY, IN_NAMESPACE).firstOrNull { (userIdWith(it) ?: 0) != 0 }
                ?: error("PostgreSQL does not run as root, and neither setpriv nor unshare can switch to another user")
        }

        /** The user id of a command with [prefix], or null if the command fails. */
        fun userIdWith(prefix: List<String>): Int? = try {
            val id = ProcessBuilder(prefix + listOf("id", "-u")).redirectErrorStream(true).start()
            id.inputReader().readText().trim().toIntOrNull()
        } catch (_: IOException) {
            null
        }

        fun freePort(): Int = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }

        fun Path.giveTo(user: String) {
            val owner = fileSystem.userPrincipalLookupService.lookupPrincipalByName(user)
            Files.getFileAttributeView(this, PosixFileAttributeView::class.java, LinkOption.NOFOLLOW_LINKS).owner =
                owner
        }

        fun unpack(into: Path) {
            val packed =
                PLATFORMS.firstNotNullOfOrNull { TestPostgres::class.java.getResourceAsStream("/postgres-$it.txz") }
                    ?: error("no PostgreSQL binaries on the class path. Set postgres.platform, see the pom.")
            TarArchiveInputStream(XZInputStream(packed.buffered())).use { tar ->
                generateSequence { tar.nextEntry }.forEach { entry ->
                    val file = into.resolve(entry.name)
                    when {
                        entry.isDirectory -> Files.createDirectories(file)
                        entry.isSymbolicLink -> Files.createSymbolicLink(file, Path.of(entry.linkName))
                        else -> {
                            Files.createDirectories(file.parent)
                            Files.copy(tar, file, StandardCopyOption.REPLACE_EXISTING)
                            file.toFile().setExecutable(entry.mode and 0b001_001_001 != 0, false)
                        }
                    }
                }
            }
        }
    }
}
