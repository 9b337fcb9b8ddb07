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

/** What Java sees of the facade: its types are Java's, and JavaFacadeTest calls all of it. */
class FacadeTest : FunSpec({

    test("every public method is called by the test in Java") {
        val calls = callsOf(JavaFacadeTest::class.java)

        methods.map { it.signature }.filterNot { it in calls }.shouldBeEmpty()
    }

    test("nothing of Kotlin stands in a signature, nor a name that Java cannot write") {
        val foreign =
            methods.filter { method ->
                val types = method.genericParameterTypes.toList() + method.genericReturnType + method.exceptionTypes
                '-' in method.name || types.flatMap(::namesIn).any { it.startsWith("kotlin") }
            }

        foreign.map { it.signature }.shouldBeEmpty()
    }

    test("of what the facade hands out, only these getters cannot be called, and others say the same") {
        val reached = methods.flatMap { namesIn(it.genericReturnType) + it.genericParameterTypes.flatMap(::namesIn) }
        val types =
            reached.filter { it.startsWith("dev.live.") }.toSet()
                .map { Class.forName(it) }
                .flatMap { type -> listOf(type) + type.declaredClasses.filter { it.superclass == type } }
        val mangled = types.flatMap { visible(it) }.filter { '-' in it.name }

        mangled.map { "${it.declaringClass.simpleName}.${it.name.substringBefore('-')}" }
            .shouldContainExactlyInAnyOrder(
                "LiveException.getRetryAfter", // JavaLiveClient.retryAfter
                "UpgradeRefused.getRetryAfter", // ConnectionStatus.delay is not shorter
                "HeartbeatTimeout.getAfter", // toString has it
            )
    }

    test("the tests above look at all of it") {
        methods.map { it.declaringClass.simpleName }.distinct() shouldContainAll
            listOf("JavaLiveClient", "JavaLiveClientBuilder", "JavaTopic", "Publishers", "JsonMapper")
    }
})

private const val FACADE = "dev/live/client/java"

private val methods: List<Method> =
    File("target/classes", FACADE).walk()
        // nested: a companion, which repeats what its class has, an enum, and what the compiler made
        .filter { it.extension == "class" && '$' !in it.name }
        .map { Class.forName(it.toRelativeString(File("target/classes")).removeSuffix(".class").replace('/', '.')) }
        .filter { Modifier.isPublic(it.modifiers) && it !in hidden }
        .flatMap { visible(it) }
        .toList()

/** `internal`, which is public in class files. */
private val hidden: List<Class<*>>
    get() =
        listOf("Callbacks", "FallbackDispatcher", "Payloads", "RejectionKt", "flow.FlowPublisher")
            .map { Class.forName("${FACADE.replace('/', '.')}.$it") }

/** What Java code is offered: not what the compiler made, and not what overrides a method of every object. */
private fun visible(type: Class<*>): List<Method> =
    type.declaredMethods
        .filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic && '$' !in it.name }
        .filter { it.name !in setOf("toString", "equals", "hashCode") }

private val Method.signature: String
    get() =
        declaringClass.name.replace('.', '/') + "." + name + ":" +
            MethodType.methodType(returnType, parameterTypes).toMethodDescriptorString()

/** The signatures of what [caller] calls, as its class file has them. */
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
