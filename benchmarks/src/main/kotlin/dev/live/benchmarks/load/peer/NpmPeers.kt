package dev.live.benchmarks.load.peer

import com.github.ajalt.clikt.core.CliktError
import java.io.File

/** The peers in `benchmarks/peers`, which run on Node and Bun. A lock file pins their packages. */
internal object NpmPeers {
    val NAMES = setOf("ws", "socketio", "bun")
    private val PACKAGES = setOf("ws", "socket.io", "bun")

    /**
     * The command that starts the peer [name], with its packages installed. The started process is the server itself.
     */
    fun command(name: String, host: String, port: Int): List<String> {
        val home = installed()
        val runtime = if (name == "bun") home.resolve("node_modules/.bin/bun").path else "node"
        return listOf(runtime, home.resolve("$name.mjs").path, "--host", host, "--port", port.toString())
    }

    /** The command that runs the script [name] on Node, with the packages installed. */
    fun script(name: String): List<String> = listOf("node", installed().resolve("$name.mjs").path)

    /**
     * The pinned versions of the peers' packages, by name.
     *
     * @throws CliktError if the current folder is not the root of the repository
     */
    fun versions(): Map<String, String> {
        val pins = home().resolve("package.json").readText()
        return PACKAGES.mapNotNull { name ->
            Regex("\"$name\": \"([^\"]+)\"").find(pins)?.let { name to it.groupValues[1] }
        }.toMap()
    }

    /** Runs [name] as a child process until it ends. */
    fun run(name: String, host: String, port: Int) {
        val process = ProcessBuilder(command(name, host, port)).inheritIO().start()
        Runtime.getRuntime().addShutdownHook(Thread(process::destroy))
        process.waitFor()
    }

    /** The folder of the peers, with the packages of the lock file installed. */
    private fun installed(): File =
        home().also { home ->
            val lock = home.resolve("package-lock.json")
            val done = home.resolve("node_modules/.package-lock.json") // npm writes this file after an installation
            if (!done.exists() || done.lastModified() < lock.lastModified()) install(home)
        }

    private fun install(home: File) {
        val exit = ProcessBuilder("npm", "ci", "--no-audit", "--no-fund").directory(home).inheritIO().start().waitFor()
        if (exit != 0) throw CliktError("npm ci failed in $home", statusCode = 2)
    }

    private fun home(): File =
        listOf("benchmarks/peers", "peers")
            .map(::File)
            .find { it.resolve("package.json").exists() }
            ?.absoluteFile
            ?: throw CliktError(
                "benchmarks/peers not found. Run this command in the root of the repository.",
                statusCode = 2,
            )
}
