package dev.live.interop

import java.io.File

/** The folder of this module. Maven runs tests in it, but other programs in the folder where they are started. */
internal val home: File = File(System.getProperty("live.interop.home") ?: ".")

/**
 * The tests of one language.
 *
 * @property programs the example programs of the page
 */
class Language(
    val name: String,
    val encoders: Encoders? = null,
    val clients: Clients? = null,
    val programs: List<PageProgram> = emptyList(),
)

/**
 * A program that connects, subscribes and publishes.
 *
 * @property file the source file below `languages`, which the page shows
 * @property command the command, run in `languages`; null if the program cannot be run here
 * @property unableOn transports on which its library cannot connect; the page documents them
 */
class PageProgram(val file: String, val command: List<String>?, val unableOn: Set<Transport> = emptySet())

/** All languages, in the order of the page. */
object Catalog {
    /** The output folder of `interop.sh`. */
    private const val BUILT = "../target/interop"
    private val languages = File(home, "languages")

    val javaScript: Language =
        Language(
            "JavaScript",
            ProgramEncoders("JavaScript", File(home, "npm"), listOf("node", "encoders.mjs")),
            ProgramClients("JavaScript", File(home, "npm"), listOf("node", "clients.mjs")),
        )

    val java: Language = Language("Java", JavaEncoders, JavaClients)

    /** The languages of the build. They need only npm and Maven Central. */
    val buildLanguages: List<Language> = listOf(javaScript, java)

    val all: List<Language> =
        buildLanguages +
            listOf(
                program("Python", "/usr/bin/python3", "python/%s.py"),
                compiled("Go", "go", "go/live/main.go"),
                program("PHP", "php", "php/%s.php", hasClients = false, notRun = "php/websocket.php"),
                program("Ruby", "ruby", "ruby/%s.rb"),
                Language(
                    "Rust",
                    encoders("Rust", "$BUILT/rust/encoders"),
                    programs = listOf(PageProgram("rust/live.rs", null)),
                ),
                program("Perl", "perl", "perl/%s.pl"),
                only("C#", PageProgram("csharp/Live.cs", listOf("mono", "$BUILT/csharp/live.exe"))),
                only("Swift", PageProgram("swift/live.swift", null)),
                compiled("C++", "cpp", "cpp/live.cpp"),
                Language(
                    "Lua",
                    ProgramEncoders("Lua", languages, listOf("lua5.3", "lua/encoders.lua")),
                    ProgramClients("Lua", languages, listOf("lua5.1", "lua/clients.lua")),
                    listOf(PageProgram("lua/live.lua", listOf("lua5.1", "lua/live.lua"))),
                ),
                only("Tcl", PageProgram("tcl/live.tcl", listOf("tclsh", "tcl/live.tcl"), setOf(Transport.Cio))),
            )

    private fun only(name: String, program: PageProgram) = Language(name, programs = listOf(program))

    private fun program(
        name: String,
        interpreter: String,
        pattern: String,
        hasClients: Boolean = true,
        notRun: String? = null,
    ): Language {
        fun command(file: String) = listOf(interpreter, pattern.format(file))
        return Language(
            name,
            ProgramEncoders(name, languages, command("encoders")),
            if (hasClients) ProgramClients(name, languages, command("clients")) else null,
            listOf(PageProgram(pattern.format("live"), command("live"))) +
                listOfNotNull(notRun?.let { PageProgram(it, null) }),
        )
    }

    private fun compiled(name: String, folder: String, source: String): Language =
        Language(
            name,
            encoders(name, "$BUILT/$folder/encoders"),
            ProgramClients(name, languages, listOf("$BUILT/$folder/clients")),
            listOf(PageProgram(source, listOf("$BUILT/$folder/live"))),
        )

    private fun encoders(name: String, program: String) = ProgramEncoders(name, languages, listOf(program))
}
