#!/usr/bin/env bash
# Software: io.netty:netty-transport-native-epoll 4.2.15.Final with netty-transport-classes-epoll, from Maven Central.
# Expected: with ALLOW_HALF_CLOSURE, a server can write a long response after the client has closed its side, on every transport.
# Seen (2026-11-30): on NIO the client receives all 32 MiB. On epoll Netty closes the channel once the socket is full: the write fails
#   with a StacklessClosedChannelException, and the client receives a part. After the end of the input the channel has no interest
#   left and is removed from epoll, but Netty's registration still counts as added, so the next interest modifies a missing entry.
# Matters to: live-netty, which registers such a channel again (EpollHandler); an application that has only the native library
#   on its class path still has this behavior.
# Needs: Linux on x86-64, JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.netty</groupId><artifactId>netty-transport-native-epoll</artifactId><version>4.2.15.Final</version><classifier>linux-x86_64</classifier></dependency>
  </dependencies>
</project>
POM
cat > HalfClose.java <<'JAVA'
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.*;
import io.netty.channel.epoll.*;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public class HalfClose {
    static final int RESPONSE = 32 * 1024 * 1024;
    static final CountDownLatch written = new CountDownLatch(1);
    static volatile Throwable cause;

    public static void main(String[] a) throws Exception {
        boolean isEpoll = a[0].equals("epoll");
        EventLoopGroup group =
                new MultiThreadIoEventLoopGroup(1, isEpoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
        Channel server = new ServerBootstrap()
                .group(group)
                .channel(isEpoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline().addLast(new Respond());
                        channel.read();
                    }
                })
                .bind("127.0.0.1", 0).sync().channel();
        int received = 0;
        try (Socket client = new Socket("127.0.0.1", ((InetSocketAddress) server.localAddress()).getPort())) {
            client.shutdownOutput();
            InputStream in = client.getInputStream();
            byte[] buffer = new byte[65536];
            for (int n; (n = in.read(buffer)) >= 0; ) received += n;
        } catch (IOException e) {
            // the server closed with unsent bytes
        }
        written.await(10, TimeUnit.SECONDS);
        StringBuilder why = new StringBuilder();
        for (Throwable t = cause; t != null; t = t.getCause()) why.append(", ").append(t.toString().replaceAll("\\(.*?\\)", ""));
        System.out.println(a[0] + ": " + (received == RESPONSE ? "whole response" : "part of the response") + why);
        System.exit(0);
    }

    static class Respond extends ChannelInboundHandlerAdapter {
        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event == ChannelInputShutdownEvent.INSTANCE) context.executor().execute(() -> respond(context));
        }

        private void respond(ChannelHandlerContext context) {
            context.read();
            context.writeAndFlush(Unpooled.wrappedBuffer(new byte[RESPONSE])).addListener(done -> {
                if (cause == null) cause = done.cause();
                written.countDown();
                context.close();
            });
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable e) {
            cause = e;
        }
    }
}
JAVA
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
run() { java -cp 'lib/*' HalfClose.java "$1" 2>/dev/null; }
nio=$(run nio)
epoll=$(run epoll)
echo "$nio"
echo "$epoll"
[[ "$nio" == "nio: whole response" && "$epoll" == "epoll: part of the response"* ]]
