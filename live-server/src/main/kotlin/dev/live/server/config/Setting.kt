package dev.live.server.config

import kotlin.properties.PropertyDelegateProvider
import kotlin.properties.ReadWriteProperty
import kotlin.reflect.KProperty

/**
 * The settings of one block of the DSL. Each property of the block declares its setting once, with its notation in a
 * configuration file, its default, the values that it accepts and its documentation:
 *
 * ```
 * public var maxTopics: Int by settings.setting(Notation.Count, 100, atLeast(1), "maximum topics of one session")
 * ```
 *
 * @property section the section of a configuration file with these settings; empty for settings outside of a section
 */
internal class SettingBlock(private val section: String = "") {
    private val declared = mutableListOf<Setting<*>>()

    /** The settings in the order of their declaration. */
    val all: List<Setting<*>> get() = declared

    /**
     * Declares a setting with the name of the property that it is the delegate of.
     *
     * @param meaning one phrase for the table in docs/configuration.md
     * @param name name in a configuration file, if it is not the name of the property
     * @param label name in error messages, if it is not the name of the property
     * @param related a condition that includes other settings, for the table; checked when the configuration is built
     */
    fun <T : Any> setting(
        notation: Notation<T>,
        default: T,
        check: Check<T>,
        meaning: String,
        name: String? = null,
        label: String? = null,
        related: String? = null,
    ): PropertyDelegateProvider<Any, Setting<T>> =
        computed(notation, check, meaning, name, label, related) { default }

    /** Declares a setting whose default depends on other settings; see [setting]. */
    fun <T : Any> computed(
        notation: Notation<T>,
        check: Check<T>,
        meaning: String,
        name: String? = null,
        label: String? = null,
        related: String? = null,
        default: () -> T,
    ): PropertyDelegateProvider<Any, Setting<T>> =
        PropertyDelegateProvider { _, property ->
            val key = listOf(section, name ?: property.name).filter { it.isNotEmpty() }.joinToString(".")
            Setting(key, label ?: property.name, notation, check, meaning, related, default).also { declared += it }
        }
}

/**
 * One setting and its value.
 *
 * @property key the name in a configuration file, with its section
 * @property meaning one phrase for the table in docs/configuration.md
 */
internal class Setting<T : Any>(
    val key: String,
    private val label: String,
    private val notation: Notation<T>,
    private val check: Check<T>,
    val meaning: String,
    private val related: String?,
    private val default: () -> T,
) : ReadWriteProperty<Any, T> {
    private var value: T? = null

    /** The accepted values, for the table in docs/configuration.md. */
    val allowed: String get() = listOfNotNull(notation.values, check.allowed, related).joinToString("; ")

    /** The current value in the notation of a configuration file. */
    val text: String get() = notation.write(get())

    /**
     * Sets the value that [text] denotes.
     *
     * @throws IllegalArgumentException if [text] has another notation, or the value is not accepted
     */
    fun read(text: String) =
        set(requireNotNull(notation.parse(text)) { "must be ${notation.expected}, was '$text'" })

    override fun getValue(thisRef: Any, property: KProperty<*>): T = get()

    override fun setValue(thisRef: Any, property: KProperty<*>, value: T) = set(value)

    private fun get(): T = value ?: default()

    private fun set(value: T) {
        check.verify(label, value)
        this.value = value
    }
}
