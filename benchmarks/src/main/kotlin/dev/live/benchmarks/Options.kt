package dev.live.benchmarks

import kotlin.system.exitProcess

/** An invalid command line. The message is shown to the user. */
internal class UsageException(message: String) : IllegalArgumentException(message)

/**
 * The `--name value` pairs of one sub-command. A name in `switches` has no value.
 *
 * @throws UsageException if an option is not among [known] and `switches`, or lacks its value
 */
internal class Options(args: List<String>, private val known: Set<String>, switches: Set<String> = emptySet()) {
    private val values = mutableMapOf<String, String>()

    init {
        var i = 0
        while (i < args.size) {
            val name = args[i].removePrefix("--")
            when {
                !args[i].startsWith("--") || (name !in known && name !in switches) ->
                    throw UsageException(
                        "unknown argument '${args[i]}'; known arguments are ${(known + switches).sorted().map {
                            "--$it"
                        }}",
                    )
                name in switches -> values[name] = "true"
                i + 1 == args.size -> throw UsageException("--$name needs a value")
                else -> values[name] = args[++i]
            }
            i++
        }
    }

    operator fun contains(name: String): Boolean = name in values

    fun text(name: String): String? = values[name]

    fun text(name: String, default: String): String = values[name] ?: default

    fun int(name: String): Int? = values[name]?.let {
        it.toIntOrNull()
            ?: throw UsageException("--$name must be a number, was '$it'")
    }

    fun int(name: String, default: Int): Int = int(name) ?: default

    fun required(name: String): Int = int(name) ?: throw UsageException("--$name is missing")

    /** The value, which must be one of [choices]. The first choice is the default. */
    fun choice(name: String, vararg choices: String): String {
        val value = values[name] ?: return choices.first()
        return value.takeIf { it in choices }
            ?: throw UsageException("--$name must be one of ${choices.toList()}, was '$value'")
    }

    /** The names in a comma-separated list, or null. */
    fun list(name: String): List<String>? = values[name]?.split(',')?.filter { it.isNotEmpty() }
}

/** Runs [block]. A [UsageException] is printed without a stack trace. */
internal inline fun orUsage(block: () -> Unit) {
    try {
        block()
    } catch (e: UsageException) {
        System.err.println(e.message)
        exitProcess(2)
    }
}
