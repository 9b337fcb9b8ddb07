package dev.live.client.java

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import java.io.File
import java.io.PrintWriter
import java.io.StringWriter
import java.lang.invoke.MethodType
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.lang.reflect.ParameterizedType
import java.lang.reflect.Type
import java.lang.reflect.WildcardType
import java.util.spi.ToolProvider

/** The facade from Java's view: it uses Java types only, and JavaFacadeTest calls every method. */
class FacadeTest : FunSpec({

    test("every public method is called by JavaFacadeTest") {
        val calls = callsOf(JavaFacadeTest::class.java)

        methods.map { it.signature }.filterNot { it in calls }.shouldBeEmpty()
    }

    test("no signature contains a Kotlin type or a mangled name") {
        val violations =
            methods.filter { method ->
                val types = method.genericParameterTypes.toList() + method.genericReturnType + method.exceptionTypes
                '-' in method.name || types.flatMap(::namesIn).any { it.startsWith("kotlin") }
            }

        violations.map { it.signature }.shouldBeEmpty()
    }

    test("in the types returned by the facade only these getters are mangled, and each has an alternative") {
        val reached = methods.flatMap { namesIn(it.genericReturnType) + it.genericParameterTypes.flatMap(::namesIn) }
        val types =
            reached.filter { it.startsWith("dev.live.") }.toSet()
                .map { Class.forName(it) }
                .flatMap { type -> listOf(type) + type.declaredClasses.filter { it.superclass == type } }
        val mangled = types.flatMap { visible(it) }.filter { '-' in it.name }

        mangled.map { "${it.declaringClass.simpleName}.${it.name.substringBefore('-')}" }
            .shouldContainExactlyInAnyOrder(
                "LiveException.getRetryAfter", // JavaLiveClient.retryAfter
                "UpgradeRejected.getRetryAfter", // ConnectionStatus.delay is at least as long
                "HeartbeatTimeout.getAfter", // toString has it
            )
    }

    test("the tests above cover all facade classes") {
        methods.map { it.declaringClass.simpleName }.distinct() shouldContainAll
            listOf("JavaLiveClient", "JavaLiveClientBuilder", "JavaTopic", "Publishers", "JsonMapper")
    }
})

private const val FACADE = "dev/live/client/java"

private val methods: List<Method> =
    File("target/classes", FACADE).walk()
        // excludes nested classes: companions (duplicates of static methods), an enum, and synthetic classes
        .filter { it.extension == "class" && '$' !in it.name }
        .map { Class.forName(it.toRelativeString(File("target/classes")).removeSuffix(".class").replace('/', '.')) }
        .filter { Modifier.isPublic(it.modifiers) && it !in hidden }
        .flatMap { visible(it) }
        .toList()

/** Classes that are `internal` in Kotlin and public in class files. */
private val hidden: List<Class<*>>
    get() =
        listOf("Callbacks", "FallbackDispatcher", "Payloads", "RejectionKt", "flow.FlowPublisher")
            .map { Class.forName("${FACADE.replace('/', '.')}.$it") }

/** The methods visible to Java code, without synthetic methods and overrides of methods of Object. */
private fun visible(type: Class<*>): List<Method> =
    type.declaredMethods
        .filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic && '$' !in it.name }
        .filter { it.name !in setOf("toString", "equals", "hashCode") }

private val Method.signature: String
    get() =
        declaringClass.name.replace('.', '/') + "." + name + ":" +
            MethodType.methodType(returnType, parameterTypes).toMethodDescriptorString()

/** The signatures of the methods that [caller] calls, from its class file. */
private fun callsOf(caller: Class<*>): Set<String> {
    val text = StringWriter()
    val javap = ToolProvider.findFirst("javap").orElseThrow()
    val file = File(checkNotNull(caller.getResource("${caller.simpleName}.class")).toURI()).path
    javap.run(PrintWriter(text), PrintWriter(System.err), "-c", "-p", file)
    return text.toString().lineSequence().filter { "invoke" in it }.map { it.substringAfterLast(' ') }.toSet()
}

private fun namesIn(type: Type): List<String> =
    when (type) {
        is Class<*> -> listOf(type.name)
        is ParameterizedType -> namesIn(type.rawType) + type.actualTypeArguments.flatMap(::namesIn)
        is WildcardType -> (type.upperBounds + type.lowerBounds).flatMap(::namesIn)
        else -> emptyList()
    }
