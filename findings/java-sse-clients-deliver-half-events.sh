#!/usr/bin/env bash
# Software: Spring WebClient (spring-webflux 6.2.12 on reactor-netty 1.2.11) and Jersey's SseEventSource (jersey-media-sse 3.1.10);
#   for comparison okhttp-sse 5.3.2. All from Maven Central.
# Expected: HTML standard, section "Interpreting an event stream": an event that is incomplete when the stream ends is discarded, because
#   its empty line is missing. So a client never sees a part of a message.
# Seen (2026-11-30): Spring and Jersey deliver the incomplete event. A response that ends between two lines of one event, as after
#   the end of a server's process, is passed on as a message, without the lines that were lost. okhttp-sse discards it.
# Affects: docs/server-sent-events.md, "Client libraries". live writes the data of an event as one line, so that a part is no valid JSON.
# Needs: JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.springframework</groupId><artifactId>spring-webflux</artifactId><version>6.2.12</version></dependency>
    <dependency><groupId>org.springframework</groupId><artifactId>spring-context</artifactId><version>6.2.12</version></dependency>
    <dependency><groupId>io.projectreactor.netty</groupId><artifactId>reactor-netty-http</artifactId><version>1.2.11</version></dependency>
    <dependency><groupId>org.glassfish.jersey.media</groupId><artifactId>jersey-media-sse</artifactId><version>3.1.10</version></dependency>
    <dependency><groupId>org.glassfish.jersey.core</groupId><artifactId>jersey-client</artifactId><version>3.1.10</version></dependency>
    <dependency><groupId>org.glassfish.jersey.inject</groupId><artifactId>jersey-hk2</artifactId><version>3.1.10</version></dependency>
    <dependency><groupId>com.squareup.okhttp3</groupId><artifactId>okhttp-sse</artifactId><version>5.3.2</version></dependency>
  </dependencies>
</project>
POM
cat > HalfEvent.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.sse.SseEventSource;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import okhttp3.*;
import okhttp3.sse.*;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;

public class HalfEvent {
    static final Queue<String> jersey = new ConcurrentLinkedQueue<>(), okhttp = new ConcurrentLinkedQueue<>();

    public static void main(String[] a) throws Exception {
        // the second event ends after its first line
        byte[] body = "data: whole\ndata: event\n\ndata: first line\n".getBytes();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.getResponseHeaders().add("Content-Type", "text/event-stream");
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/";

        List<String> spring = WebClient.create().get().uri(url).retrieve()
                .bodyToFlux(new ParameterizedTypeReference<ServerSentEvent<String>>() {})
                .map(ServerSentEvent::data).collectList().block();
        print("Spring", spring);

        var source = SseEventSource.target(ClientBuilder.newClient().target(url)).reconnectingEvery(1, TimeUnit.HOURS).build();
        source.register(event -> jersey.add(event.readData()));
        source.open();
        for (int i = 0; i < 500 && jersey.size() < 2; i++) Thread.sleep(20);
        print("Jersey", jersey);

        CountDownLatch closed = new CountDownLatch(1);
        EventSources.createFactory(new OkHttpClient()).newEventSource(new Request.Builder().url(url).build(), new EventSourceListener() {
            @Override
            public void onEvent(EventSource source, String id, String type, String data) {
                okhttp.add(data);
            }

            @Override
            public void onClosed(EventSource source) {
                closed.countDown();
            }
        });
        closed.await(10, TimeUnit.SECONDS);
        print("okhttp-sse", okhttp);
        System.exit(0);
    }

    static void print(String name, Collection<String> events) {
        System.out.println(name + ": " + events.stream().map(data -> data.replace("\n", "|")).toList());
    }
}
JAVA
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
seen=$(java -cp 'lib/*' HalfEvent.java 2>/dev/null)
echo "$seen"
[ "$seen" = "Spring: [whole|event, first line]
Jersey: [whole|event, first line]
okhttp-sse: [whole|event]" ]
