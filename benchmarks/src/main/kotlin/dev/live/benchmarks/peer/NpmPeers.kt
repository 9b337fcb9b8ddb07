package dev.live.benchmarks.peer

import dev.live.benchmarks.UsageException
import java.io.File

/** The peers in `benchmarks/peers`, which run on Node and Bun; their packages are pinned there in a lock file. */
internal object NpmPeers {
    val NAMES = setOf("ws", "socketio", "bun")

    /** The command that runs the peer [name], with its packages installed; the process is the server itself. */
    fun command(name: String, host: String, port: Int): List<String> {
        val home = installed()
        val runtime = if (name == "bun") home.resolve("node_modules/.bin/bun").path else "node"
        return listOf(runtime, home.resolve("$name.mjs").path, "--host", host, "--port", port.toString())
    }

    /** The command that runs the script [name] on Node, with the packages installed. */
    fun script(name: String): List<String> = listOf("node", installed().resolve("$name.mjs").path)

    /** The version of [packageName] that is pinned. */
    fun version(packageName: String): String? {
        val pin = Regex("\"$packageName\": \"([^\"]+)\"")
        return pin.find(home().resolve("package.json").readText())?.groupValues?.get(1)
    }

    /** Runs [name] as a child until it ends. */
    fun run(name: String, host: String, port: Int) {
        val process = ProcessBuilder(command(name, host, port)).inheritIO().start()
        Runtime.getRuntime().addShutdownHook(Thread(process::destroy))
        process.waitFor()
    }

    /** Where the peers are, with the packages that the lock file names. */
    private fun installed(): File =
        home().also { home ->
            val lock = home.resolve("package-lock.json")
            val done = home.resolve("node_modules/.package-lock.json") // npm's own note of what it installed
            if (!done.exists() || done.lastModified() < lock.lastModified()) install(home)
        }

    private fun install(home: File) {
        val exit = ProcessBuilder("npm", "ci", "--no-audit", "--no-fund").directory(home).inheritIO().start().waitFor()
        if (exit != 0) throw UsageException("npm ci failed in $home")
    }

    private fun home(): File =
        listOf("benchmarks/peers", "peers")
            .map(::File)
            .find { it.resolve("package.json").exists() }
            ?.absoluteFile
            ?: throw UsageException("benchmarks/peers is not here: run this in the root of the repository")
}
