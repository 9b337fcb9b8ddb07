package dev.live.interop

import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/**
 * The results of testing languages on all transports.
 *
 * @property programs the failure of each example program that was run; null if it succeeded
 */
class Results(val encoders: List<EncoderRow>, val clients: List<ClientRow>, val programs: Map<String, String?>)

/** Tests languages against a server on each transport. */
object Suite {
    fun run(languages: List<Language>): Results {
        val servers = Transport.entries.associateWith { InteropServer.start(it) }
        val compressing = Transport.entries.associateWith { InteropServer.start(it, compresses = true) }
        val matrix = ClientMatrix(servers, compressing)
        val threads = Executors.newFixedThreadPool(PARALLEL)
        try {
            val encoders = languages.flatMap { EncoderMatrix(servers).rows(it.encoders ?: return@flatMap emptyList()) }
            val clients = languages.flatMap { matrix.rows(it.clients ?: return@flatMap emptyList()) }
            val clientRows = clients.map { threads.submit(Callable(it)) } // first, because clients mostly wait
            val encoderRows = encoders.map { threads.submit(Callable(it)) }
            // in sequence, because all programs use the same room
            val programs = languages.flatMap { it.programs }.filter { it.command != null }
            return Results(
                programs = programs.associate { it.file to problem(it, servers) },
                clients = clientRows.map { it.get() },
                encoders = encoderRows.map { it.get() },
            )
        } finally {
            threads.shutdownNow()
            (servers.values + compressing.values).forEach { it.close() }
        }
    }

    /** Runs a program of the page on every transport. Returns null if it printed its published message each time. */
    private fun problem(program: PageProgram, servers: Map<Transport, InteropServer>): String? =
        servers.filterKeys { it !in program.unableOn }.firstNotNullOfOrNull { (transport, server) ->
            val output = output(program, server)
            if (output.lines().any { it.startsWith("hello from ") }) null else "${transport.title}: $output"
        }

    private fun output(program: PageProgram, server: InteropServer): String {
        val builder = ProcessBuilder(program.command.orEmpty()).redirectErrorStream(true)
        builder.directory(File(home, "languages"))
        builder.environment()["LIVE_URL"] = server.url
        builder.environment()["LIVE_HTTP_URL"] = "http://127.0.0.1:${server.port}"
        builder.environment()["LIVE_PUBLISH_KEY"] = PUBLISH_KEY
        return builder.start().use { process ->
            process.outputWriter().close()
            val limit = timer.schedule({ process.destroyForcibly() }, 1, TimeUnit.MINUTES)
            process.inputReader().readText().also { limit.cancel(false) }
        }
    }

    /** More than the cores of a small machine, because sessions mostly wait. */
    private const val PARALLEL = 6
}
