#!/usr/bin/env bash
# Software: io.lettuce:lettuce-core 7.6.0.RELEASE with Redis 7.0.15 (org.signal:embedded-redis 0.9.1), from Maven Central.
# Expected: with ClientOptions.replayFilter(command -> true) no command is sent again after a reconnect, as the Javadoc of the
#   option suggests.
# Seen (2026-11-30): ten INCRs are sent, Redis executes them, and the connection ends regularly (FIN) before the replies arrive.
#   Lettuce reconnects and sends all ten again, without asking the filter once: the counter is 20, and all ten futures succeed.
# Matters to: live-redis, which rejects commands in flight instead (REJECT_COMMANDS) and publishes by a script that recognizes repetitions.
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
cat > Replay.java <<'JAVA'
import io.lettuce.core.*;
import io.lettuce.core.api.StatefulRedisConnection;
import java.io.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public class Replay {
    static volatile boolean dropsReplies;
    static final List<Socket> sockets = Collections.synchronizedList(new ArrayList<>());

    public static void main(String[] a) throws Exception {
        int redis = Integer.parseInt(a[0]);
        ServerSocket proxy = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        start(() -> {
            while (true) {
                Socket client = proxy.accept(), server = new Socket("127.0.0.1", redis);
                sockets.add(client);
                start(() -> copy(client, server, false));
                start(() -> copy(server, client, true));
            }
        });
        AtomicInteger asked = new AtomicInteger();
        RedisClient client = RedisClient.create("redis://127.0.0.1:" + proxy.getLocalPort());
        client.setOptions(ClientOptions.builder().replayFilter(command -> asked.incrementAndGet() > 0).build());
        RedisClient direct = RedisClient.create("redis://127.0.0.1:" + redis);
        try (StatefulRedisConnection<String, String> connection = client.connect();
                StatefulRedisConnection<String, String> other = direct.connect()) {
            dropsReplies = true;
            List<RedisFuture<Long>> futures = new ArrayList<>();
            for (int i = 0; i < 10; i++) futures.add(connection.async().incr("counter"));
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (!"10".equals(other.sync().get("counter")) && System.nanoTime() < end) Thread.sleep(10);
            System.out.println("executed before the end of the connection: " + other.sync().get("counter"));
            dropsReplies = false;
            sockets.get(0).shutdownOutput(); // a FIN
            int successes = 0;
            for (RedisFuture<Long> future : futures) if (future.await(10, TimeUnit.SECONDS) && future.getError() == null) successes++;
            System.out.println("futures that succeeded: " + successes);
            System.out.println("executed in total: " + other.sync().get("counter"));
            System.out.println("commands shown to the filter: " + asked);
        }
        System.exit(0);
    }

    interface Task { void run() throws Exception; }

    static void start(Task task) {
        Thread thread = new Thread(() -> { try { task.run(); } catch (Exception e) { /* the connection has ended */ } });
        thread.setDaemon(true);
        thread.start();
    }

    static void copy(Socket from, Socket to, boolean replies) throws IOException {
        byte[] buffer = new byte[8192];
        for (int n; (n = from.getInputStream().read(buffer)) > 0; ) if (!replies || !dropsReplies) to.getOutputStream().write(buffer, 0, n);
    }
}
JAVA
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
(mkdir redis && cd redis && jar xf ../lib/embedded-redis-0.9.1.jar && chmod +x redis-server-7.0.15-linux-amd64)
port=$((20000 + RANDOM % 10000))
redis/redis-server-7.0.15-linux-amd64 --port "$port" --bind 127.0.0.1 --save '' --dir "$folder" > redis.log & redis=$!
trap 'kill "$redis"; rm -rf "$folder"' EXIT
for _ in $(seq 100); do grep -q 'Ready to accept' redis.log && break; sleep 0.1; done
seen=$(java -cp 'lib/*' Replay.java "$port" 2>/dev/null)
echo "$seen"
[ "$seen" = "executed before the end of the connection: 10
futures that succeeded: 10
executed in total: 20
commands shown to the filter: 0" ]
