#!/usr/bin/env bash
# Software: io.ktor:ktor-server-forwarded-header-jvm 3.5.1 on ktor-server-cio-jvm 3.5.1, from Maven Central.
# Expected: X-Forwarded-Proto changes the scheme of call.request.origin and nothing else. The port stays that of the Host
#   header, which the proxy passes on: https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-Proto
#   describes the header as the protocol of the client's connection.
# Seen (2026-11-29): origin.serverPort becomes the default port of the scheme. A site at https://example.com:8443 appears as
#   https://example.com:443, although its Host header names the port.
# Affects: docs/proxies.md, and the comparison of a page's origin with the host of the request.
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
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-server-forwarded-header-jvm</artifactId><version>3.5.1</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId><version>2.4.10</version>
    <executions><execution><goals><goal>compile</goal></goals><configuration><sourceDirs><source>${project.basedir}</source></sourceDirs></configuration></execution></executions>
  </plugin></plugins></build>
</project>
POM
cat > Ports.kt <<'KOTLIN'
import io.ktor.server.application.install
import io.ktor.server.cio.CIO
import io.ktor.server.engine.embeddedServer
import io.ktor.server.plugins.forwardedheaders.XForwardedHeaders
import io.ktor.server.plugins.origin
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.runBlocking
import java.net.Socket

fun main() {
    val server = embeddedServer(CIO, port = 0, host = "127.0.0.1") {
        install(XForwardedHeaders)
        routing { get("/") { call.respondText(call.request.origin.run { "$scheme://$serverHost:$serverPort" }) } }
    }.start()
    val port = runBlocking { server.engine.resolvedConnectors().first().port }
    for (proto in listOf("http", "https")) {
        Socket("127.0.0.1", port).use { socket ->
            val request = "GET / HTTP/1.1\r\nHost: example.com:8443\r\nX-Forwarded-Proto: $proto\r\nConnection: close\r\n\r\n"
            socket.getOutputStream().write(request.toByteArray())
            println(socket.getInputStream().bufferedReader().readText().lines().last())
        }
    }
    server.stop(0, 0)
}
KOTLIN
mvn -q -B -ntp compile dependency:copy-dependencies -DoutputDirectory=lib > maven.log || { cat maven.log; exit 1; }
seen=$(java -cp 'target/classes:lib/*' PortsKt 2> /dev/null)

echo "$seen"
[ "$seen" = "http://example.com:80
https://example.com:443" ]
