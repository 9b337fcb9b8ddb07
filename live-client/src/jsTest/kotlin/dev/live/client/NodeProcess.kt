@file:JsModule("node:child_process")

package dev.live.client

internal external fun spawn(command: String, arguments: Array<String>): ChildProcess

internal external interface ChildProcess {
    val stdin: Stream
    val stdout: Stream
    val stderr: Stream

    fun on(event: String, listener: (dynamic) -> Unit)

    fun unref()
}

internal external interface Stream {
    fun setEncoding(encoding: String)

    fun on(event: String, listener: (String) -> Unit)

    fun unref()
}
