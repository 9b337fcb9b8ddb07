package dev.live.samples.notifications

import kotlinx.serialization.Serializable

/** Something that a person is told, and whether they have read it on any of their devices. */
@Serializable
data class Notice(val id: Long, val text: String, val at: String, val read: Boolean = false)

/** What has changed in an inbox: a notice has come, or some were read. Applying it twice does no harm. */
@Serializable
data class Change(val added: Notice? = null, val read: List<Long> = emptyList())

/** How many notices nobody has read. */
@Serializable
data class Unread(val count: Int)

/** An inbox as of now, the newest notice last. */
@Serializable
data class InboxPage(val notices: List<Notice>)

/** Somebody looks for their other devices, from this one. */
@Serializable
data class Ring(val from: String)
