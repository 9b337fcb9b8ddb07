package dev.live.benchmarks.cli

import com.github.ajalt.clikt.output.Localization

/** Clikt's messages. Those for an unknown name without a similar one get a reference to the help. */
internal object ErrorMessages : Localization {
    override fun noSuchSubcommand(name: String, possibilities: List<String>): String =
        super.noSuchSubcommand(name, possibilities) + helpFor("commands", possibilities)

    override fun noSuchOption(name: String, possibilities: List<String>): String =
        super.noSuchOption(name, possibilities) + helpFor("options", possibilities)

    private fun helpFor(names: String, possibilities: List<String>): String =
        if (possibilities.isEmpty()) ". --help lists the $names." else ""
}
