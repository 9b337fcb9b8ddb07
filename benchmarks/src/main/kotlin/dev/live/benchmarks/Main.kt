package dev.live.benchmarks

import dev.live.benchmarks.client.runClient
import dev.live.benchmarks.client.runReceive
import dev.live.benchmarks.load.runLoad
import dev.live.benchmarks.peer.runPeer
import dev.live.benchmarks.report.runReport
import dev.live.benchmarks.server.runLiveServer
import dev.live.benchmarks.soak.runSoak
import dev.live.benchmarks.soak.runSoakServer
import dev.live.benchmarks.sync.runSync
import kotlin.system.exitProcess

private const val USAGE = """usage: java -jar benchmarks.jar COMMAND [--option value ...]
  server --port N [--host H] [--engine netty|cio] [--transport auto|portable]      the live server under test
  peer NAME --port N [--host H]                                                    another server, for comparison
  load --port N --scenario fanout|topics|echo|rate|idle|flat|many [...]            the load generator
  report [--quick] [--render-only] [--peers a,b] [--cases a,b] [--rounds 3] [...]  everything, as tables and plots
  client [--rounds 5] [--clients 40] [--out FILE]                                  measures live's client
  receive --port N [--kind live|ktor] [--engine cio|okhttp] [--codec json|cbor]    one client in its own process
  sync [--rounds 5] [--clients 40] [--commits 100] [--out FILE]                    latency from a commit to the pull
  soak [--minutes 10] [--watchers 20] [--drain 20] [--out FILE] [--plot FILE]      long test for memory growth and leaks
  jmh [JMH's own options]                                                          microbenchmarks"""

/** Entry point: every part of the benchmarks is a sub-command of one jar. See the README of this module. */
fun main(args: Array<String>) {
    val rest = args.drop(1)
    orUsage {
        when (args.firstOrNull()) {
            "server" -> runLiveServer(rest)
            "peer" -> runPeer(rest)
            "load" -> runLoad(rest)
            "client" -> runClient(rest)
            "receive" -> runReceive(rest)
            "sync" -> runSync(rest)
            "soak" -> runSoak(rest)
            "soak-server" -> runSoakServer(rest)
            "jmh" -> org.openjdk.jmh.Main.main(rest.toTypedArray())
            "report" -> runReport(rest)
            else -> {
                System.err.println(USAGE)
                exitProcess(2)
            }
        }
    }
}
