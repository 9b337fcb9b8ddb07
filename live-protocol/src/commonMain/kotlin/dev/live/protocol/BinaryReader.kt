package dev.live.protocol

/**
 * Reads an envelope from a binary format, item by item and by the letter of the format's specification.
 *
 * Nothing is allocated for a length before the bytes that it claims are known to be there, and nesting costs an array
 * entry, not a stack frame. Not thread-safe; one instance reads one input.
 *
 * @param maxDepth how deep an item that is skipped may nest arrays and maps
 * @param isLenient whether to check the structure alone: any depth, and text in skipped items that is not UTF-8
 */
internal abstract class BinaryReader(
    protected val bytes: ByteArray,
    protected val maxDepth: Int,
    protected val isLenient: Boolean,
) {
    /** Index of the next byte. */
    protected var at = 0

    /** Reads the head of the message. */
    abstract fun begin()

    /** Whether another field follows. Called once before each of them. */
    abstract fun hasNext(): Boolean

    /** Reads the name of a field. */
    abstract fun name(): String

    /** Reads the text of [field]; null if the field is absent. */
    abstract fun text(field: String): String?

    /** Reads the bytes of the field `body`; null if it is absent. */
    abstract fun body(): ByteArray?

    /** Reads the field `offset`; null if it is absent. */
    abstract fun offset(): Long?

    /** Reads one item of any kind, and all that it holds. */
    abstract fun skip()

    /** Refuses whatever follows the message. */
    fun end() {
        if (at < bytes.size) throw MalformedMessageException("bytes follow the end of the message; $ONE_MESSAGE")
    }

    /** As [name]; skips what is no name and returns null. */
    fun nameOrSkip(): String? = orSkip { name() }

    /** As [text]; skips what is no text and returns null. */
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

    /** The name in [bytes] at [from] until [at]; no new string for a name that the envelope has. */
    protected fun nameFrom(from: Int): String {
        for (name in Field.ALL) if (isAt(from, name)) return name
        return bytes.decodeUtf8("the name of a field", from, at)
    }

    private fun isAt(from: Int, ascii: String): Boolean {
        if (at - from != ascii.length) return false
        for (i in ascii.indices) if (bytes[from + i] != ascii[i].code.toByte()) return false
        return true
    }

    /** Reads [width] bytes, the highest first; eight of them may come out negative. */
    protected fun unsigned(width: Int): Long {
        val start = take(width.toLong())
        var value = 0L
        for (i in start until at) value = (value shl 8) or (bytes[i].toLong() and 0xff)
        return value
    }

    /** Moves past [length] bytes and returns where they begin. A length beyond 63 bits is negative here. */
    protected fun take(length: Long): Int {
        if (length !in 0..bytes.size - at) fail("it ends too early")
        return at.also { at += length.toInt() }
    }

    /** Refuses what is no well-formed item. */
    protected abstract fun fail(problem: String): Nothing

    protected companion object {
        const val RECORDS = "records and extensions are not supported: set useRecords: false"
        const val DATA_IS_TEXT = "data must be a text string that holds JSON"
    }
}

/** The message that [reader] reads. */
internal fun messageIn(reader: BinaryReader, limits: DecodeLimits, isTraced: Boolean): Message {
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

/** Where a message that was refused comes from, if it is well-formed; [reader] is a lenient one at its beginning. */
internal fun originIn(reader: BinaryReader): Origin? =
    try {
        val origin = Origin()
        reader.begin()
        while (reader.hasNext()) {
            val name = reader.nameOrSkip()
            if (name == Field.TOPIC || name == Field.REF) {
                origin.add(name, reader.textOrSkip(name))
            } else {
                reader.skip()
            }
        }
        reader.end()
        origin
    } catch (_: MalformedMessageException) {
        null
    }
