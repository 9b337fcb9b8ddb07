package dev.live.samples.notifications

import kotlinx.serialization.Serializable

/** A notice for a user, and whether it was read on any device. */
@Serializable
data class Notice(val id: Long, val text: String, val at: String, val read: Boolean = false)

/** A change of an inbox: a new notice, or notices that were read. Idempotent. */
@Serializable
data class Change(val added: Notice? = null, val read: List<Long> = emptyList())

/** The number of unread notices. */
@Serializable
data class Unread(val count: Int)

/** A snapshot of an inbox, newest notice last. */
@Serializable
data class InboxPage(val notices: List<Notice>)

/** Rings the user's devices; sent by one of them. */
@Serializable
data class Ring(val from: String)
