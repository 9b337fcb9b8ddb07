package dev.live.benchmarks.load.peer

import dev.live.benchmarks.load.server.announce
import org.apache.catalina.startup.Tomcat
import org.apache.tomcat.websocket.server.WsSci
import org.springframework.context.annotation.Bean
import org.springframework.context.annotation.Configuration
import org.springframework.messaging.handler.annotation.MessageMapping
import org.springframework.messaging.simp.annotation.SendToUser
import org.springframework.messaging.simp.config.ChannelRegistration
import org.springframework.messaging.simp.config.MessageBrokerRegistry
import org.springframework.stereotype.Controller
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext
import org.springframework.web.servlet.DispatcherServlet
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker
import org.springframework.web.socket.config.annotation.StompEndpointRegistry
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer
import java.nio.file.Files
import java.util.logging.Level
import java.util.logging.Logger

/** Spring's simple broker with STOMP over WebSocket on Tomcat, without an external broker. */
internal fun runSpringPeer(host: String, port: Int) {
    tomcatLog.level = Level.WARNING
    val spring = AnnotationConfigWebApplicationContext().apply { register(BrokerConfiguration::class.java) }
    val tomcat = Tomcat()
    tomcat.setBaseDir(Files.createTempDirectory("spring-peer").toString())
    tomcat.setHostname(host)
    tomcat.setPort(port)
    tomcat.connector.setProperty("address", host)
    tomcat.connector.setProperty("maxConnections", MAX_CONNECTIONS)
    tomcat.connector.setProperty("acceptCount", BACKLOG)
    val context = tomcat.addContext("", null)
    context.addServletContainerInitializer(WsSci(), null)
    val servlet = Tomcat.addServlet(context, "spring", DispatcherServlet(spring))
    servlet.loadOnStartup = 1
    servlet.isAsyncSupported = true
    context.addServletMappingDecoded("/", "spring")
    tomcat.start()
    announce(host, port)
}

/**
 * Preserves the message order in both directions. This is not the default: without it messages can overtake each other.
 */
@Configuration(proxyBeanMethods = false)
@EnableWebSocketMessageBroker
internal class BrokerConfiguration : WebSocketMessageBrokerConfigurer {
    private val receipts = SubscriptionReceipts()

    @Bean
    fun subscriptionReceipts() = receipts

    @Bean
    fun echo() = EchoController()

    override fun registerStompEndpoints(registry: StompEndpointRegistry) {
        registry.setPreserveReceiveOrder(true)
        registry.addEndpoint("/live")
    }

    override fun configureMessageBroker(registry: MessageBrokerRegistry) {
        registry.enableSimpleBroker("/topic", "/queue")
        registry.setApplicationDestinationPrefixes("/app")
        registry.setPreservePublishOrder(true)
    }

    override fun configureClientInboundChannel(registration: ChannelRegistration) {
        registration.interceptors(receipts)
    }
}

/** Returns a message to its session. */
@Controller
internal class EchoController {
    @MessageMapping("/echo")
    @SendToUser("/queue/echo", broadcast = false)
    fun echo(payload: String): String = payload
}

// keeps a reference: a logger that is garbage collected loses its level
private val tomcatLog = Logger.getLogger("org.apache")
private const val MAX_CONNECTIONS = "20000"
private const val BACKLOG = "4096"
