package dev.live.client

import kotlinx.coroutines.CompletableDeferred

/**
 * A live server in a separate process: `ServerForJavaScript` of the JVM tests. It exits when its standard input is
 * closed, which happens when this process exits.
 */
internal object ServerProgram {
    private val output = StringBuilder()
    private val port = CompletableDeferred<Int>()
    private var isStarted = false

    /** The URL of the server. The first call starts it. */
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
                val match = LISTENING.find(output) ?: return@on
                if (port.complete(match.groupValues[1].toInt())) process.unrefAll()
            }
        }
        process.on("error") { failed("it did not start: $it") }
        process.on("exit") { failed("it exited with $it") }
    }

    private fun failed(reason: String) {
        port.completeExceptionally(IllegalStateException("the test server failed: $reason\n$output"))
    }

    /** Allows this process to exit while the server process runs. */
    private fun ChildProcess.unrefAll() {
        unref()
        for (stream in listOf(stdin, stdout, stderr)) stream.unref()
    }

    private const val CLASSPATH_FILE = "target/js/server-classpath.txt"
    private const val MAIN_CLASS = "dev.live.client.ServerForJavaScriptKt"
    private val LISTENING = Regex("listening on ([0-9]+)\n")
}

/** Sets the global `WebSocket`, which Node before 22 does not have, as `docs/multiplatform.md` recommends. */
internal fun provideWebSocket() {
    val global = js("globalThis")
    if (global.WebSocket == undefined) global.WebSocket = webSocketOfNpm
}
