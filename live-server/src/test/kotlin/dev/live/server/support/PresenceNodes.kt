package dev.live.server.support

import dev.live.server.broker.Broker
import dev.live.server.broker.LocalBroker
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceDirectory
import dev.live.server.broker.PresenceMember
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** The nodes of one application with one topic. Changes arrive at each other node after the same time, in order. */
internal class PresenceNodes(private val scope: CoroutineScope, private val latency: Duration = 3.milliseconds) {
    private val nodes = ArrayList<Node>()

    fun node(onChange: suspend (PresenceChange) -> Unit): Node = Node(onChange).also { nodes += it }

    inner class Node(private val onChange: suspend (PresenceChange) -> Unit) : PresenceDirectory {
        /** The members of this node, and the objects that stand for them at the others. */
        private val copies = HashMap<PresenceMember, HashMap<Node, PresenceMember>>()

        /** A broker of a single node, with this presence. */
        val broker: Broker =
            object : Broker by LocalBroker(now = { 0 }) {
                override val presence = this@Node
            }

        override suspend fun watch(topic: String) = Unit

        override suspend fun unwatch(topic: String) = Unit

        /** Reports the members that are present, as to a node that has just started. */
        fun reportPresent() {
            for (other in nodes - this) for (member in other.copies.keys) other.join(this, member)
        }

        override fun join(topic: String, member: PresenceMember) {
            copies[member] = HashMap()
            for (other in nodes - this) join(other, member)
        }

        private fun join(other: Node, member: PresenceMember) {
            val copy = PresenceMember(member.key, member.info)
            copies.getValue(member)[other] = copy
            other.report(PresenceChange(listOf(copy), emptyList()))
        }

        override fun leave(topic: String, member: PresenceMember, isConnectionLost: Boolean) {
            for ((other, copy) in copies.remove(member).orEmpty()) {
                other.report(
                    if (isConnectionLost) {
                        PresenceChange(emptyList(), emptyList(), listOf(copy))
                    } else {
                        PresenceChange(emptyList(), listOf(copy))
                    },
                )
            }
        }

        /** Ends without a notice; the others notice it after [lostFor]. */
        fun crash(lostFor: Duration) {
            nodes -= this
            for (other in nodes) {
                val lost = copies.values.mapNotNull { it[other] }
                scope.launch {
                    delay(lostFor)
                    other.onChange(PresenceChange(emptyList(), emptyList(), lost, lostFor))
                }
            }
        }

        private fun report(change: PresenceChange) {
            scope.launch {
                delay(latency)
                onChange(change)
            }
        }
    }
}
