package dev.live.server.dialect

import dev.live.protocol.AuthData
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.RefPrefix
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import kotlinx.serialization.json.JsonElement

/** A message from a client, with the payload that the protocol defines for its type. */
internal sealed interface ClientCommand {
    /** A command between the client and the server. Interceptors are not called for it. */
    sealed interface Control : ClientCommand

    /** A command for the endpoint, decoded after its interceptor, which may change the message. */
    sealed interface ForEndpoint : ClientCommand

    class Ping(val ref: String) : Control

    data object Pong : Control

    /** The client's new [token]. */
    class Authenticate(val token: String, val ref: String) : Control {
        companion object {
            /** @throws BadPayloadException if [message] has no token */
            fun of(message: Message) = Authenticate(message.decode<AuthData>().token, message.ref)
        }
    }

    /** The client's reply to a request of the server, or the error that it replies with. */
    class Reply(val message: Message) : Control

    /**
     * @property since the client's last position in the topic's history; null to receive only new messages
     * @property params the subscribe parameters that the application defines
     */
    class Subscribe(val topic: String, val ref: String, val since: Position?, val params: JsonElement?) : ForEndpoint

    class Unsubscribe(val topic: String, val ref: String) : ForEndpoint

    class Publish(val message: Message) : ForEndpoint

    /** A request, or a message of a type that the application defines. */
    class Other(val message: Message) : ForEndpoint

    companion object {
        /**
         * Decodes [message] if it is a control command, else returns null.
         *
         * @param renewsTokens whether the endpoint accepts `auth` messages
         * @throws BadPayloadException if the payload is not that of the command
         */
        fun controlIn(message: Message, renewsTokens: Boolean): Control? =
            when (message.type) {
                MessageType.PING -> Ping(message.ref)
                MessageType.PONG -> Pong
                MessageType.AUTH -> if (renewsTokens) Authenticate.of(message) else null
                MessageType.REPLY, MessageType.ERROR -> if (isReply(message)) Reply(message) else null
                else -> null
            }

        /**
         * Decodes [message], which is no control command.
         *
         * @param hasTopics whether the endpoint declares topics
         * @throws BadPayloadException if the payload is not that of the command
         */
        fun of(message: Message, hasTopics: Boolean): ForEndpoint =
            when (message.type) {
                MessageType.SUBSCRIBE if hasTopics -> subscribe(message)
                MessageType.UNSUBSCRIBE if hasTopics -> Unsubscribe(message.topic, message.ref)
                MessageType.PUBLISH if hasTopics -> Publish(message)
                else -> Other(message)
            }

        private fun subscribe(message: Message): Subscribe {
            val data = message.decode<SubscribeData?>()
            return Subscribe(message.topic, message.ref, data?.since, data?.params)
        }

        /**
         * Whether [message] replies to a request of the server. A late or duplicate reply is dropped, and not passed to
         * `onMessage`.
         */
        private fun isReply(message: Message): Boolean = message.ref.startsWith(RefPrefix.SERVER)
    }
}
