#!/usr/bin/env bash
# Software: io.ktor:ktor-server-websockets-jvm 3.5.1 on ktor-server-cio-jvm and ktor-server-netty-jvm 3.5.1, from Maven Central.
# Expected: a WebSocket upgrade with its options in two Connection lines is accepted. RFC 9110, section 5.3, defines two lines
#   of a list as equal to one line with both values. Tcl's websocket package sends two lines.
# Seen (2026-11-29): a webSocket route responds with 400 on both engines, and with 101 if both options are in one line.
# Affects: Handshake in live-server, which accepts the two lines on Netty, and docs/interoperability.md.
# Needs: JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-server-cio-jvm</artifactId><version>3.5.1</version></dependency>
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-server-netty-jvm</artifactId><version>3.5.1</version></dependency>
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-server-websockets-jvm</artifactId><version>3.5.1</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId><version>2.4.10</version>
    <executions><execution><goals><goal>compile</goal></goals><configuration><sourceDirs><source>${project.basedir}</source></sourceDirs></configuration></execution></executions>
  </plugin></plugins></build>
</project>
POM
cat > Upgrades.kt <<'KOTLIN'
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import io.ktor.server.websocket.WebSockets
import io.ktor.server.websocket.webSocket
import kotlinx.coroutines.runBlocking
import java.net.Socket

fun main() {
    for (connection in listOf("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nConnection: Upgrade")) {
        val lines = connection.lines().size
        println("$lines line(s): Netty ${answer(Netty, connection)}, CIO ${answer(CIO, connection)}")
    }
}

private fun answer(engine: ApplicationEngineFactory<*, *>, connection: String): String {
    val server = embeddedServer(engine, port = 0, host = "127.0.0.1") {
        install(WebSockets)
        routing { webSocket("/") { } }
    }.start()
    val port = runBlocking { server.engine.resolvedConnectors().first().port }
    val request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n$connection\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    return Socket("127.0.0.1", port).use { socket ->
        socket.getOutputStream().write(request.toByteArray())
        socket.getInputStream().bufferedReader().readLine().split(" ")[1]
    }.also { server.stop(0, 0) }
}
KOTLIN
mvn -q -B -ntp compile dependency:copy-dependencies -DoutputDirectory=lib > maven.log || { cat maven.log; exit 1; }
seen=$(java -cp 'target/classes:lib/*' UpgradesKt 2> /dev/null)

echo "$seen"
[ "$seen" = "1 line(s): Netty 101, CIO 101
2 line(s): Netty 400, CIO 400" ]
