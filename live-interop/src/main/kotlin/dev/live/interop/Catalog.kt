package dev.live.interop

import java.io.File

/** The folder of this module: Maven runs tests there, and programs where it was started. */
internal val home: File = File(System.getProperty("live.interop.home") ?: ".")

/**
 * What is tried of one language.
 *
 * @property programs the programs of the page, with what each prints; null where it cannot be run here
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
 * @property file the source that the page shows, below `languages`
 * @property command runs it, in `languages`; null where it cannot be run here
 * @property unableOn where its library cannot connect, as the page says
 */
class PageProgram(val file: String, val command: List<String>?, val unableOn: Set<Transport> = emptySet())

/** The languages in the order of the page. */
object Catalog {
    /** What `interop.sh` builds is there. */
    private const val BUILT = "../target/interop"
    private val languages = File(home, "languages")

    val javaScript: Language =
        Language(
            "JavaScript",
            ProgramEncoders("JavaScript", File(home, "npm"), listOf("node", "encoders.mjs")),
            ProgramClients("JavaScript", File(home, "npm"), listOf("node", "clients.mjs")),
        )

    val java: Language = Language("Java", JavaEncoders, JavaClients)

    /** What the build runs: only npm and Maven Central are needed. */
    val ofTheBuild: List<Language> = listOf(javaScript, java)

    val all: List<Language> =
        ofTheBuild +
            listOf(
                program("Python", "/usr/bin/python3", "python/%s.py"),
                compiled("Go", "go", "go/live/main.go"),
                program("PHP", "php", "php/%s.php", hasClients = false, unrun = "php/websocket.php"),
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
        unrun: String? = null,
    ): Language {
        fun command(file: String) = listOf(interpreter, pattern.format(file))
        return Language(
            name,
            ProgramEncoders(name, languages, command("encoders")),
            if (hasClients) ProgramClients(name, languages, command("clients")) else null,
            listOf(PageProgram(pattern.format("live"), command("live"))) +
                listOfNotNull(unrun?.let { PageProgram(it, null) }),
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
