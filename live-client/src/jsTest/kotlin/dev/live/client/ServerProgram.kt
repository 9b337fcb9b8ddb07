package dev.live.client

import kotlinx.coroutines.CompletableDeferred

/**
 * The project's own server in a process of its own: `ServerForJavaScript` of the tests of the JVM, which ends when this
 * process does, for its standard input is closed then.
 */
internal object ServerProgram {
    private val output = StringBuilder()
    private val port = CompletableDeferred<Int>()
    private var isStarted = false

    /** Where it listens. The first to ask starts it. */
    suspend fun url(): String {
        if (!isStarted) start()
        return "ws://127.0.0.1:${port.await()}/live"
    }

    private fun start() {
        isStarted = true
        val classpath = listOf("target/test-classes", "target/classes", readFileSync(CLASSPATH_FILE, "utf8").trim())
        val separator = if (js("process.platform") == "win32") ";" else ":"
        val home: String? = js("process.env.JAVA_HOME")
        val java = if (home.isNullOrEmpty()) "java" else "$home/bin/java"
        val process = spawn(java, arrayOf("-cp", classpath.joinToString(separator), MAIN_CLASS))
        for (stream in listOf(process.stdout, process.stderr)) {
            stream.setEncoding("utf8")
            stream.on("data") { text ->
                output.append(text)
                val said = LISTENING.find(output) ?: return@on
                if (port.complete(said.groupValues[1].toInt())) process.letThisProcessEnd()
            }
        }
        process.on("error") { failed("it was not started: $it") }
        process.on("exit") { failed("it ended with $it") }
    }

    private fun failed(why: String) {
        port.completeExceptionally(IllegalStateException("no server for the tests: $why\n$output"))
    }

    /** From now on it is no reason for this process to live on. */
    private fun ChildProcess.letThisProcessEnd() {
        unref()
        for (stream in listOf(stdin, stdout, stderr)) stream.unref()
    }

    private const val CLASSPATH_FILE = "target/js/server-classpath.txt"
    private const val MAIN_CLASS = "dev.live.client.ServerForJavaScriptKt"
    private val LISTENING = Regex("listening on ([0-9]+)\n")
}

/** What Node before 22 lacks, and `docs/multiplatform.md` says to set. */
internal fun bringWebSocket() {
    val global = js("globalThis")
    if (global.WebSocket == undefined) global.WebSocket = webSocketOfNpm
}
