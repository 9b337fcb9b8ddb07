#!/usr/bin/env bash
# Software: Redis 7.0.15 (org.signal:embedded-redis 0.9.1) with io.lettuce:lettuce-core 7.6.0.RELEASE, from Maven Central.
# Expected: a RESP3 connection that is subscribed to a channel may publish to it in MULTI. EXEC returns the number of receivers, and the
#   message arrives as a push before or after the reply of EXEC, never inside (RESP3 specification, section "Push type").
# Seen (2026-11-30): Redis writes the push inside the array of EXEC, after the array's length. Lettuce takes its parts for the result:
#   the transaction is reported as failed with a NumberFormatException, although Redis has committed it, and the listener gets nothing.
# Matters to: live-redis, which never publishes on the connection that is subscribed.
# Needs: Linux on x86-64, JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.lettuce</groupId><artifactId>lettuce-core</artifactId><version>7.6.0.RELEASE</version></dependency>
    <dependency><groupId>org.signal</groupId><artifactId>embedded-redis</artifactId><version>0.9.1</version></dependency>
  </dependencies>
</project>
POM
cat > PublishInExec.java <<'JAVA'
import io.lettuce.core.*;
import io.lettuce.core.pubsub.*;
import java.io.*;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.*;

public class PublishInExec {
    public static void main(String[] a) throws Exception {
        int port = Integer.parseInt(a[0]);
        wire(port);
        RedisClient client = RedisClient.create("redis://127.0.0.1:" + port);
        BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        try (StatefulRedisPubSubConnection<String, String> connection = client.connectPubSub()) {
            connection.addListener(new RedisPubSubAdapter<>() {
                @Override
                public void message(String channel, String message) {
                    messages.add(message);
                }
            });
            connection.sync().subscribe("news");
            connection.async().multi();
            connection.async().incr("counter");
            connection.async().publish("news", "hello");
            RedisFuture<TransactionResult> exec = connection.async().exec();
            exec.await(10, TimeUnit.SECONDS);
            System.out.println("EXEC fails: " + (exec.getError() == null ? "no" : exec.getError()));
            System.out.println("message at the listener: " + messages.poll(2, TimeUnit.SECONDS));
        }
        RedisClient other = RedisClient.create("redis://127.0.0.1:" + port);
        System.out.println("counter: " + other.connect().sync().get("counter"));
        System.exit(0);
    }

    /** The bytes of the same transaction without a library. */
    static void wire(int port) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write("HELLO 3\r\nSUBSCRIBE raw\r\nMULTI\r\nINCR other\r\nPUBLISH raw hello\r\nEXEC\r\nECHO end\r\n".getBytes(StandardCharsets.UTF_8));
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            StringBuilder reply = new StringBuilder();
            boolean queued = false;
            for (String line; !(line = in.readLine()).equals("end"); ) {
                if (queued) reply.append(line).append(' ');
                if (line.equals("+QUEUED")) { queued = true; reply.setLength(0); }
            }
            System.out.println("reply on the wire: " + reply.substring(0, reply.length() - 4));
        }
    }
}
JAVA
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
(mkdir redis && cd redis && jar xf ../lib/embedded-redis-0.9.1.jar && chmod +x redis-server-7.0.15-linux-amd64)
port=$((20000 + RANDOM % 10000))
redis/redis-server-7.0.15-linux-amd64 --port "$port" --bind 127.0.0.1 --save '' --dir "$folder" > redis.log & redis=$!
trap 'kill "$redis"; rm -rf "$folder"' EXIT
for _ in $(seq 100); do grep -q 'Ready to accept' redis.log && break; sleep 0.1; done
seen=$(java -cp 'lib/*' PublishInExec.java "$port" 2>/dev/null)
echo "$seen"
[ "$seen" = 'reply on the wire: *2 :1 >3 $7 message $3 raw $5 hello :1
EXEC fails: For input string: "message"
message at the listener: null
counter: 1' ]
