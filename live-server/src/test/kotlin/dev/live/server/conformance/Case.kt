package dev.live.server.conformance

/**
 * One case of conformance with RFC 6455.
 *
 * @property id the number that the fuzzing client of Autobahn|Testsuite 25.10.1 gives to the same behavior; `L` and a
 *   number where it has none
 * @property isBinary whether the server echoes in binary frames
 * @property early the frames that are written together with the upgrade request
 * @property isEndedEarly whether the client ends its side of the connection behind [early]
 * @property talk what the client does; throws if the server does not do what the case expects
 */
internal class Case(
    val id: String,
    val what: String,
    val isBinary: Boolean = false,
    val early: ByteArray = ByteArray(0),
    val isEndedEarly: Boolean = false,
    val talk: Peer.() -> Unit,
) {
    /** The first number: a group of cases. */
    val group: String get() = id.substringBefore('.')
}

/** Whether the sizes and counts of group 9 are those of Autobahn; otherwise large sizes are a quarter of it. */
internal val isFullSize: Boolean = System.getProperty("live.conformance.full").toBoolean()

/** The largest message of any case. */
internal val LARGEST: Int = (if (isFullSize) 16 else 4) * 1024 * 1024

internal val conformanceCases: List<Case> =
    framingCases() + controlCases() + fragmentCases() + textCases() + closeCases() + sizeCases() + ownCases()
