package dev.live.protocol

/**
 * Reads an envelope from a binary format, item by item, in strict conformance to the format's specification.
 *
 * Checks that the input holds the declared number of bytes before it allocates memory for them. A nesting level
 * costs an array entry, not a stack frame. Not thread-safe; one instance reads one input.
 *
 * @param maxDepth maximum nesting of arrays and maps in a skipped item
 * @param isLenient true checks the structure only: skipped items may have any depth and invalid UTF-8
 */
internal abstract class BinaryReader(
    protected val bytes: ByteArray,
    protected val maxDepth: Int,
    protected val isLenient: Boolean,
) {
    /** Index of the next byte. */
    protected var at = 0

    /** Reads the map header of the message. */
    abstract fun begin()

    /** Whether another field follows. Called once before each field, and once after the last one. */
    abstract fun hasNext(): Boolean

    /** Reads the name of a field. */
    abstract fun name(): String

    /** Reads the text of [field]; null if the field is absent. */
    abstract fun text(field: String): String?

    /** Reads the bytes of the field `body`; null if it is absent. */
    abstract fun body(): ByteArray?

    /** Reads the field `offset`; null if it is absent. */
    abstract fun offset(): Long?

    /** Skips one item of any type, including its nested items. */
    abstract fun skip()

    /** Rejects bytes after the message. */
    fun end() {
        if (at < bytes.size) throw MalformedMessageException("unexpected bytes after the message; $ONE_MESSAGE")
    }

    /** Like [name], but skips an item that is not a name and returns null. */
    fun nameOrSkip(): String? = orSkip { name() }

    /** Like [text], but skips an item that is not text and returns null. */
    fun textOrSkip(field: String): String? = orSkip { text(field) }

    private inline fun orSkip(read: () -> String?): String? {
        val start = at
        return try {
            read()
        } catch (_: MalformedMessageException) {
            at = start
            skip()
            null
        }
    }

    /** The field name in [bytes] from [from] until [at]. Allocates no string for the envelope's own names. */
    protected fun nameFrom(from: Int): String {
        for (name in Field.ALL) if (isAt(from, name)) return name
        return bytes.decodeUtf8("the name of a field", from, at)
    }

    private fun isAt(from: Int, ascii: String): Boolean {
        if (at - from != ascii.length) return false
        for (i in ascii.indices) if (bytes[from + i] != ascii[i].code.toByte()) return false
        return true
    }

    /** Reads a big-endian integer of [width] bytes. The result of eight bytes may be negative. */
    protected fun unsigned(width: Int): Long {
        val start = take(width.toLong())
        var value = 0L
        for (i in start until at) value = (value shl 8) or (bytes[i].toLong() and 0xff)
        return value
    }

    /** Advances by [length] bytes and returns the index of the first one. A length above 63 bits is negative here. */
    protected fun take(length: Long): Int {
        if (length !in 0..bytes.size - at) fail("unexpected end of input")
        return at.also { at += length.toInt() }
    }

    /** Throws for an item that is not well-formed. */
    protected abstract fun fail(problem: String): Nothing

    protected companion object {
        const val RECORDS = "records and extensions are not supported: set useRecords: false"
        const val DATA_IS_TEXT = "data must be a text string that holds JSON"
    }
}

/** Decodes the message from [reader]. */
internal fun readMessage(reader: BinaryReader, limits: DecodeLimits, isTraced: Boolean): Message {
    val names = FieldNames()
    var type: String? = null
    var topic: String? = null
    var ref: String? = null
    var body: ByteArray? = null
    var data: String? = null
    var offset: Long? = null
    var trace: String? = null
    reader.begin()
    while (reader.hasNext()) {
        val name = reader.name()
        names += name
        when (name) {
            Field.TYPE -> type = reader.text(name)
            Field.TOPIC -> topic = reader.text(name)
            Field.REF -> ref = reader.text(name)
            Field.BODY -> body = reader.body()
            Field.DATA -> data = reader.text(name)?.let { compactJson(it, limits) }
            Field.OFFSET -> offset = reader.offset()
            Field.TRACE -> trace = reader.text(name)
            else -> reader.skip()
        }
    }
    reader.end()
    names.requireDistinct()
    return messageOf(type, topic, ref, body?.let { Body.Bytes.owning(it) }, data, offset, if (isTraced) trace else null)
}

/** The topic and ref of a rejected message; null if it is not well-formed. [reader] is lenient and at its start. */
internal fun replyAddressIn(reader: BinaryReader): ReplyAddress? =
    try {
        val address = ReplyAddress()
        reader.begin()
        while (reader.hasNext()) {
            val name = reader.nameOrSkip()
            if (name == Field.TOPIC || name == Field.REF) {
                address.add(name, reader.textOrSkip(name))
            } else {
                reader.skip()
            }
        }
        reader.end()
        address
    } catch (_: MalformedMessageException) {
        null
    }
