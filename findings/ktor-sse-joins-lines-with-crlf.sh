#!/usr/bin/env bash
# Software: Ktor's SSE client (ktor-client-cio 3.5.1), from Maven Central.
# Expected: HTML standard, section "Interpreting an event stream": the lines of an event's data are joined by a line feed.
# Seen (2026-11-30): Ktor joins them by a carriage return and a line feed. Text of several lines has other bytes and another length than at
#   the server and in browsers, so a checksum or signature over the data fails, and a Markdown or patch text changes its line ends.
# Affects: docs/server-sent-events.md, "Client libraries". live writes the data of an event as one line.
# Needs: JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-client-cio-jvm</artifactId><version>3.5.1</version></dependency>
  </dependencies>
  <build><sourceDirectory>.</sourceDirectory><plugins><plugin>
    <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId><version>2.4.10</version>
    <executions><execution><phase>compile</phase><goals><goal>compile</goal></goals></execution></executions>
    <configuration><jvmTarget>17</jvmTarget></configuration>
  </plugin></plugins></build>
</project>
POM
cat > Lines.kt <<'KOTLIN'
import com.sun.net.httpserver.HttpServer
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.plugins.sse.SSE
import io.ktor.client.plugins.sse.sse
import java.net.InetAddress
import java.net.InetSocketAddress
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking

fun main() = runBlocking {
    val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    server.createContext("/") { exchange ->
        exchange.responseHeaders.add("Content-Type", "text/event-stream")
        exchange.sendResponseHeaders(200, 0)
        exchange.responseBody.write("data: one\ndata: two\n\n".toByteArray())
        exchange.responseBody.flush()
    }
    server.start()
    HttpClient(CIO) { install(SSE) }.sse("http://127.0.0.1:${server.address.port}/") {
        println(incoming.first().data!!.replace("\r", "CR ").replace("\n", "LF "))
    }
    System.exit(0)
}
KOTLIN
mvn -q -B compile dependency:copy-dependencies -DoutputDirectory=lib > build.log 2>&1 || { cat build.log; exit 2; }
seen=$(java -cp 'target/classes:lib/*' LinesKt 2>/dev/null)
echo "$seen"
[ "$seen" = "oneCR LF two" ]
