package dev.live.server.conformance

/**
 * One conformance case of RFC 6455.
 *
 * @property id the case number of the fuzzing client of Autobahn|Testsuite 25.10.1; `L` and a number if Autobahn has
 *   no such case
 * @property isBinary whether the server echoes in binary frames
 * @property early frames written together with the upgrade request
 * @property isEndedEarly whether the client ends its side of the connection after [early]
 * @property script the client's actions; throws if the server does not behave as expected
 */
internal class Case(
    val id: String,
    val description: String,
    val isBinary: Boolean = false,
    val early: ByteArray = ByteArray(0),
    val isEndedEarly: Boolean = false,
    val script: Peer.() -> Unit,
) {
    /** The first part of the id: a group of cases. */
    val group: String get() = id.substringBefore('.')
}

/** Whether group 9 uses Autobahn's sizes and counts; otherwise large sizes are a quarter of them. */
internal val isFullSize: Boolean = System.getProperty("live.conformance.full").toBoolean()

/** The largest message of any case. */
internal val LARGEST: Int = (if (isFullSize) 16 else 4) * 1024 * 1024

internal val conformanceCases: List<Case> =
    framingCases() + controlCases() + fragmentCases() + textCases() + closeCases() + sizeCases() + ownCases()
