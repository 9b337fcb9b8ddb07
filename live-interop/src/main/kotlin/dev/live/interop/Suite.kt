package dev.live.interop

import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/**
 * What a run of languages against all transports showed.
 *
 * @property programs for each program of the page that ran, what went wrong; null if nothing did
 */
class Results(val encoders: List<EncoderRow>, val clients: List<ClientRow>, val programs: Map<String, String?>)

/** Runs languages against a server on each transport. */
object Suite {
    fun run(languages: List<Language>): Results {
        val servers = Transport.entries.associateWith { InteropServer.start(it) }
        val threads = Executors.newFixedThreadPool(PARALLEL)
        try {
            val encoders = languages.flatMap { EncoderMatrix(servers).rows(it.encoders ?: return@flatMap emptyList()) }
            val clients = languages.flatMap { ClientMatrix(servers).rows(it.clients ?: return@flatMap emptyList()) }
            val clientRows = clients.map { threads.submit(Callable(it)) } // first, as they wait most
            val encoderRows = encoders.map { threads.submit(Callable(it)) }
            // one after the other, as all of them use the same room
            val programs = languages.flatMap { it.programs }.filter { it.command != null }
            return Results(
                programs = programs.associate { it.file to problem(it, servers) },
                clients = clientRows.map { it.get() },
                encoders = encoderRows.map { it.get() },
            )
        } finally {
            threads.shutdownNow()
            servers.values.forEach { it.close() }
        }
    }

    /** Runs a program of the page on every transport; null if each time it printed the message that it published. */
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

    /** More than the cores of a small machine, as sessions mostly wait. */
    private const val PARALLEL = 6
}
