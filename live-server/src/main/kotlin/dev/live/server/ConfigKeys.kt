package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.server.session.OverflowPolicy
import dev.live.server.transport.Transport
import io.ktor.server.config.ApplicationConfigValue
import kotlin.reflect.KMutableProperty1
import kotlin.time.Duration

/**
 * A setting that the configuration file may contain. Its value is assigned through the property of the config block, so
 * the checks of the setter apply.
 *
 * @property name the key below `live`
 */
internal class ConfigKey<T>(
    val name: String,
    private val type: ValueType<T>,
    private val get: (LiveConfig) -> T,
    private val set: (LiveConfig, T) -> Unit,
) {
    /** The value of this setting in [config], in the notation of a configuration file. */
    fun textIn(config: LiveConfig): String = type.write(get(config))

    /**
     * Sets this setting in [config] to [value]. A list may be a HOCON or YAML list, or text separated by commas,
     * because an environment variable cannot hold a list.
     *
     * @throws IllegalArgumentException if [value] has the wrong type or is not allowed
     */
    fun read(value: ApplicationConfigValue, config: LiveConfig) {
        val text =
            when (value.type) {
                ApplicationConfigValue.Type.SINGLE -> value.getString()
                ApplicationConfigValue.Type.LIST -> value.getList().joinToString(",")
                // A section: Ktor also matches longer keys with this prefix. Unknown keys have been rejected before.
                else -> return
            }
        try {
            val parsed = requireNotNull(type.parse(text)) { "must be ${type.expected}, was '$text'" }
            set(config, parsed)
        } catch (e: IllegalArgumentException) {
            throw IllegalArgumentException("$FILE_SECTION.$name: ${e.message}", e)
        }
    }
}

/** A type of value in a configuration file; [parse] returns null for text that is not [expected]. */
internal class ValueType<T>(
    val expected: String,
    val write: (T) -> String = { it.toString() },
    val parse: (String) -> T?,
)

private val count = ValueType("a whole number") { it.toIntOrNull() }

private val longCount = ValueType("a whole number") { it.toLongOrNull() }

private const val UNLIMITED = "unlimited"
private val limit =
    ValueType<Int>("a whole number or '$UNLIMITED'", { if (it == Int.MAX_VALUE) UNLIMITED else "$it" }) {
        if (it == UNLIMITED) Int.MAX_VALUE else it.toIntOrNull()
    }

private val duration = ValueType("a duration such as '10s', '500ms' or '1m 30s'") { Duration.parseOrNull(it) }

private val window =
    ValueType<ClosedRange<Duration>>("two durations such as '0s..5s'") { text ->
        val ends = text.split("..").map { Duration.parseOrNull(it.trim()) }
        val (first, last) = ends.takeIf { it.size == 2 } ?: listOf(null, null)
        if (first == null || last == null) null else first..last
    }

private val flag = ValueType("true or false") { it.lowercase().toBooleanStrictOrNull() }

private val policy = ValueType("a policy") { OverflowPolicy.of(it) }

private val transport = ValueType<Transport>("a transport", { it.name.lowercase() }) { Transport.of(it) }

private val codecs: Map<String, Codec> =
    listOf(JsonCodec, CborCodec, MessagePackCodec).associateBy { it.subprotocol.substringAfterLast('.') }

private val codecList =
    ValueType<List<Codec>>("a list", { list -> list.joinToString { it.subprotocol.substringAfterLast('.') } }) { text ->
        list(text).map { name ->
            requireNotNull(codecs[name.lowercase()]) {
                "a codec must be one of ${codecs.keys.joinToString { "'$it'" }}, was '$name'"
            }
        }
    }

private val originList =
    ValueType<Collection<String>>("a list", { it.joinToString().ifEmpty { "none" } }) { list(it) }

private fun list(text: String) = text.split(',').map { it.trim() }.filter { it.isNotEmpty() }

/** One block of the DSL and the section of the file with the same name. */
private class Section<B>(val name: String, val block: (LiveConfig) -> B) {
    fun <T> key(type: ValueType<T>, property: KMutableProperty1<B, T>) =
        ConfigKey(
            "$name.${property.name}",
            type,
            { property.get(block(it)) },
            { config, value -> property.set(block(config), value) },
        )
}

private val session = Section("session") { it.session }
private val heartbeat = Section("heartbeat") { it.heartbeat }
private val topics = Section("topics") { it.topics }
private val limits = Section("limits") { it.limits }
private val drain = Section("drain") { it.drain }

/** All settings of a configuration file. Dispatchers, observers and custom codecs can only be set in code. */
internal val configKeys: List<ConfigKey<*>> =
    listOf(
        ConfigKey("transport", transport, { it.transport }, { config, value -> config.transport = value }),
        ConfigKey("codecs", codecList, { it.codecs }, { config, value -> config.codecs(*value.toTypedArray()) }),
        ConfigKey("traceContext", flag, { it.traceContext }, { config, value -> config.traceContext = value }),
        session.key(count, SessionConfig::queueCapacity),
        session.key(count, SessionConfig::queueBytes),
        session.key(policy, SessionConfig::onOverflow),
        session.key(duration, SessionConfig::writeTimeout),
        session.key(duration, SessionConfig::handlerTimeout),
        session.key(duration, SessionConfig::closeTimeout),
        session.key(count, SessionConfig::maxTopics),
        heartbeat.key(duration, HeartbeatConfig::interval),
        heartbeat.key(duration, HeartbeatConfig::timeout),
        topics.key(count, TopicsConfig::buffer),
        topics.key(duration, TopicsConfig::linger),
        topics.key(longCount, TopicsConfig::idleHistoryBytes),
        limits.key(count, LimitsConfig::maxMessageSize),
        limits.key(count, LimitsConfig::maxFragments),
        limits.key(count, LimitsConfig::maxNesting),
        limits.key(limit, LimitsConfig::messagesPerSecond),
        limits.key(count, LimitsConfig::burst),
        limits.key(limit, LimitsConfig::bytesPerSecond),
        limits.key(count, LimitsConfig::byteBurst),
        limits.key(limit, LimitsConfig::messagesPerSecondPerUser),
        limits.key(count, LimitsConfig::burstPerUser),
        limits.key(limit, LimitsConfig::subscribesPerSecond),
        limits.key(count, LimitsConfig::subscribeBurst),
        limits.key(count, LimitsConfig::maxBadMessages),
        limits.key(limit, LimitsConfig::maxConnections),
        limits.key(limit, LimitsConfig::maxConnectionsPerAddress),
        limits.key(limit, LimitsConfig::maxSessionsPerUser),
        limits.key(duration, LimitsConfig::authTimeout),
        limits.key(duration, LimitsConfig::expiryWarning),
        ConfigKey("origins.sameHost", flag, { it.origins.isSameHostAllowed }, { config, value ->
            config.origins.sameHost(value)
        }),
        ConfigKey("origins.allow", originList, { it.origins.listed }, { config, value ->
            config.origins.allowInFile(value)
        }),
        ConfigKey("origins.allowAny", flag, { it.origins.isAnyAllowed }, { config, value ->
            config.origins.allowAny(value)
        }),
        drain.key(duration, DrainConfig::timeout),
        drain.key(window, DrainConfig::reconnectWindow),
    )
