#!/usr/bin/env bash
# Software: Vert.x 5.0.7 (io.vertx:vertx-core), from Maven Central, on JDK 17.
# Expected: connect() of a WebSocketClient completes when the server responds, even if the application keeps only the future.
# Seen (2026-11-29): an unreferenced WebSocketClient is closed when it is garbage collected. A handshake in progress then
#   fails with "Connection closed", as if the server had closed it. Keep the WebSocketClient in a field.
# Affects: ServerLibrarySessions in live-interop, which keeps a reference to it.
# Needs: a JDK of 17 or later, Maven.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > pom.xml << 'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.vertx</groupId><artifactId>vertx-core</artifactId><version>5.0.7</version></dependency>
  </dependencies>
</project>
XML
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.9.0:build-classpath -Dmdep.outputFile=classpath
cat > Finding.java << 'JAVA'
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.*;
import java.net.*;
import java.util.concurrent.*;

public class Finding {
    public static void main(String[] arguments) throws Exception {
        var vertx = Vertx.vertx();
        try (var server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) { // accepts, and takes its time to answer
            var held = vertx.createWebSocketClient();
            boolean failsWhenHeld = fails(connect(held, server.getLocalPort()));
            System.out.println("client held: the handshake " + (failsWhenHeld ? "fails" : "waits"));
            boolean failsWhenNot = fails(connect(vertx.createWebSocketClient(), server.getLocalPort()));
            System.out.println("client not held: the handshake " + (failsWhenNot ? "fails" : "waits"));
            java.lang.ref.Reference.reachabilityFence(held);
            System.exit(!failsWhenHeld && failsWhenNot ? 0 : 1);
        }
    }

    static Future<WebSocket> connect(WebSocketClient client, int port) {
        return client.connect(port, "127.0.0.1", "/");
    }

    /** Whether the handshake fails within 15 s of garbage collections. */
    static boolean fails(Future<WebSocket> handshake) throws Exception {
        var failed = new CountDownLatch(1);
        handshake.onFailure(problem -> {
            System.out.println(problem);
            failed.countDown();
        });
        for (int i = 0; i < 15; i++) {
            System.gc();
            if (failed.await(1, TimeUnit.SECONDS)) return true;
        }
        return false;
    }
}
JAVA
java -cp "$(cat classpath)" Finding.java 2> errors
