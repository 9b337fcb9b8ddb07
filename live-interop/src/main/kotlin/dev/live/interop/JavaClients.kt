package dev.live.interop

import java.net.http.HttpClient

/** The WebSocket clients of the JDK and of Maven Central. */
object JavaClients : Clients {
    private val jdk = System.getProperty("java.version")
    private const val JETTY_SETTING = "setMaxTextMessageSize(90_000)"
    private const val VERTX_SETTING = "setMaxMessageSize(90_000), setMaxFrameSize(90_000)"

    private val all: List<Pair<ClientEntry, () -> JavaSession>> =
        listOf(
            entry("java.net.http.HttpClient", "JDK ${jdk.substringBefore('.')}") { JdkSession() },
            entry("Java-WebSocket", "1.6.0") { JavaWebSocketSession() },
            entry("Jetty", "12.1.14") { JettyClientSession(0) },
            entry("Jetty", "12.1.14", JETTY_SETTING) { JettyClientSession(READ_LIMIT) },
            entry("Vert.x", "5.0.7") { VertxSession(null) },
            entry("Vert.x", "5.0.7", VERTX_SETTING) { VertxSession(READ_LIMIT.toInt()) },
            entry("OkHttp", "5.5.1") { OkHttpSession() },
            entry("nv-websocket-client", "2.14") { NvSession() },
            entry("Tyrus", "2.2.0") { TyrusSession() },
        )

    override fun list(): List<ClientEntry> = all.map { it.first }

    override fun open(index: Int): Client =
        object : Client {
            override fun session(url: String, subprotocol: String, frames: List<String>): List<String> =
                all[index].second().run(url, subprotocol, frames)
        }

    private fun entry(library: String, version: String, setting: String = "", open: () -> JavaSession) =
        ClientEntry("Java", library, version, setting) to open

    /** 4/3 of the server's message limit plus 1 KiB. */
    private const val READ_LIMIT = 90_000L
}
