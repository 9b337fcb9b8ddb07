#!/usr/bin/env bash
# Software: io.ktor:ktor-server-netty-jvm 3.5.1 with the Netty that it brings (4.2), from Maven Central.
# Expected: EmbeddedServer.stop(gracePeriodMillis = 0, timeoutMillis = 5000) closes every connection that the server accepted.
#   A grace period of 0 means "do not wait": https://ktor.io/docs/server-engines.html#common-properties (shutdownGracePeriod).
# Seen (2026-11-29): connections that were accepted just before the stop stay open. The process keeps their descriptors for good,
#   in CLOSE_WAIT once the client has closed: 22 after 30 stops. Netty closes the channels of a loop before it runs the loop's last
#   tasks, and one of these registers an accepted connection; without a quiet period there is no second pass. With a grace period
#   of 100 ms, which Ktor uses as the quiet period, none stays open.
# Matters to: the soak, which restarts servers in one process, and docs/production.md.
# Needs: Linux, JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.ktor</groupId><artifactId>ktor-server-netty-jvm</artifactId><version>3.5.1</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId><version>2.4.10</version>
    <executions><execution><goals><goal>compile</goal></goals><configuration><sourceDirs><source>${project.basedir}</source></sourceDirs></configuration></execution></executions>
  </plugin></plugins></build>
</project>
POM
cat > Restarts.kt <<'KOTLIN'
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import java.io.File
import java.io.IOException
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.concurrent.thread
import kotlin.system.exitProcess

fun main(args: Array<String>) {
    val grace = args[0].toLong()
    val port = ServerSocket(0).use { it.localPort }
    val isRunning = AtomicBoolean(true)
    val clients = List(4) { thread { while (isRunning.get()) request(port) } }
    repeat(30) {
        val server = embeddedServer(Netty, port, "127.0.0.1") { routing { get("/") { call.respondText("ok") } } }
        server.start(wait = false)
        Thread.sleep(200)
        server.stop(grace, 5_000)
    }
    isRunning.set(false)
    clients.forEach { it.join() }
    Thread.sleep(1_000)
    println(if (closeWaiting(port) == 0) "none stays open" else "some stay open")
    exitProcess(0)
}

private fun request(port: Int) {
    try {
        Socket("127.0.0.1", port).use {
            it.soTimeout = 1_000
            it.getOutputStream().write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".toByteArray())
            it.getInputStream().read()
        }
    } catch (e: IOException) {
        Thread.sleep(1) // the server is between a stop and a start
    }
}

/** Sockets of the server in CLOSE_WAIT (state 08): the client has closed, the server has not. */
private fun closeWaiting(port: Int): Int {
    val local = ":%04X".format(port)
    val sockets = listOf("/proc/net/tcp", "/proc/net/tcp6").map(::File).filter { it.exists() }.flatMap { it.readLines() }
    return sockets.map { it.trim().split(Regex("\\s+")) }.count { it.size > 3 && it[1].endsWith(local) && it[3] == "08" }
}
KOTLIN
mvn -q -B -ntp compile dependency:copy-dependencies -DoutputDirectory=lib > maven.log || { cat maven.log; exit 1; }
without=$(java -cp 'target/classes:lib/*' RestartsKt 0 2> /dev/null)
with=$(java -cp 'target/classes:lib/*' RestartsKt 100 2> /dev/null)

echo "grace period 0 ms: $without"
echo "grace period 100 ms: $with"
[ "$without" = "some stay open" ] && [ "$with" = "none stays open" ]
