package dev.live.benchmarks.load.peer

import org.springframework.context.ApplicationContext
import org.springframework.context.ApplicationContextAware
import org.springframework.messaging.Message
import org.springframework.messaging.MessageChannel
import org.springframework.messaging.MessageHandler
import org.springframework.messaging.simp.broker.SimpleBrokerMessageHandler
import org.springframework.messaging.simp.stomp.StompCommand
import org.springframework.messaging.simp.stomp.StompHeaderAccessor
import org.springframework.messaging.simp.user.UserDestinationMessageHandler
import org.springframework.messaging.support.ExecutorChannelInterceptor
import org.springframework.messaging.support.MessageBuilder

/**
 * Sends the requested receipt when a subscription is active. Spring's simple broker sends no receipts, and without them
 * the generator cannot know when a publish reaches all subscribers.
 */
internal class SubscriptionReceipts : ExecutorChannelInterceptor, ApplicationContextAware {
    private lateinit var context: ApplicationContext
    private val outbound by lazy { context.getBean("clientOutboundChannel", MessageChannel::class.java) }

    override fun setApplicationContext(applicationContext: ApplicationContext) {
        context = applicationContext
    }

    override fun afterMessageHandled(
        message: Message<*>,
        channel: MessageChannel,
        handler: MessageHandler,
        failure: Exception?,
    ) {
        val subscribe = StompHeaderAccessor.wrap(message)
        if (failure != null || subscribe.command != StompCommand.SUBSCRIBE || subscribe.receipt == null) return
        val isInForce =
            when (handler) {
                is SimpleBrokerMessageHandler -> !subscribe.destination.orEmpty().startsWith("/user/")
                is UserDestinationMessageHandler -> subscribe.destination.orEmpty().startsWith("/user/")
                else -> false
            }
        if (!isInForce) return
        val receipt = StompHeaderAccessor.create(StompCommand.RECEIPT)
        receipt.sessionId = subscribe.sessionId
        receipt.receiptId = subscribe.receipt
        outbound.send(MessageBuilder.createMessage(ByteArray(0), receipt.messageHeaders))
    }
}
