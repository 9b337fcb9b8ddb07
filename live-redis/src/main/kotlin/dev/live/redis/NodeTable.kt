package dev.live.redis

/**
 * The other nodes, as seen by this one. A node is lost when its heartbeat has not changed in several rounds in a row,
 * by the clock of this node: neither the clocks of the machines matter, nor a time in which Redis was away for all.
 *
 * Not thread-safe, except for [alive].
 */
internal class NodeTable(private val node: String) {
    private class Seen(var beat: String) {
        /** Rounds without a new heartbeat. */
        var missed = 0
    }

    /**
     * @property appeared nodes that were not known in the last round
     * @property lost nodes that are lost since this round
     * @property stale lost nodes with a heartbeat in Redis, which should be removed
     */
    class Changes(val appeared: Set<String>, val lost: Set<String>, val stale: Set<String>)

    private val seen = HashMap<String, Seen>()

    /** The last heartbeats of lost nodes, which Redis may still store. */
    private val lostBeats = HashMap<String, String>()

    /** The other nodes that are not lost. Thread-safe. */
    @Volatile
    var alive: Set<String> = emptySet()
        private set

    /**
     * One round: [beats] are the heartbeats that Redis stores, by node.
     *
     * @param isJudging whether a missing heartbeat counts
     */
    fun update(beats: Map<String, String>, isJudging: Boolean = true): Changes {
        lostBeats.entries.removeIf { beats[it.key] != it.value }
        val appeared = HashSet<String>()
        for ((other, beat) in beats) {
            if (other == node || other in lostBeats) continue
            val known = seen[other]
            if (known == null) {
                seen[other] = Seen(beat)
                appeared += other
            } else if (known.beat != beat) {
                known.beat = beat
                known.missed = -1 // incremented below
            }
        }
        val judged = if (isJudging) seen.filterKeys { it !in appeared } else emptyMap()
        val lost = judged.filterValues { ++it.missed >= MAX_MISSED }.keys.toSet()
        for (other in lost) lostBeats[other] = seen.remove(other)!!.beat
        lostBeats.entries.removeIf { it.key !in beats }
        alive = seen.keys.toSet()
        return Changes(appeared, lost, lostBeats.keys.toSet())
    }

    companion object {
        /** A heartbeat is visible in the round after it, so that a crash shows within three heartbeats. */
        const val MAX_MISSED = 2
    }
}
