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
    class Ping(val ref: String) : ClientCommand

    data object Pong : ClientCommand

    /** The client's new [token]. */
    class Authenticate(val token: String, val ref: String) : ClientCommand {
        companion object {
            /** @throws BadPayloadException if [message] has no token */
            fun of(message: Message) = Authenticate(message.decode<AuthData>().token, message.ref)
        }
    }

    /** The client's reply to a request of the server, or the error that it replies with. */
    class Reply(val message: Message) : ClientCommand

    /**
     * @property since the client's last position in the topic's history; null to receive only new messages
     * @property params the subscribe parameters that the application defines
     */
    class Subscribe(val topic: String, val ref: String, val since: Position?, val params: JsonElement?) : ClientCommand

    class Unsubscribe(val topic: String, val ref: String) : ClientCommand

    class Publish(val message: Message) : ClientCommand

    /** A request, or a message of a type that the application defines. */
    class Other(val message: Message) : ClientCommand

    companion object {
        /**
         * Decodes [message].
         *
         * @param hasTopics whether the endpoint declares topics
         * @param renewsTokens whether the endpoint accepts `auth` messages
         * @throws BadPayloadException if the payload is not that of the command
         */
        fun of(message: Message, hasTopics: Boolean, renewsTokens: Boolean): ClientCommand =
            when (message.type) {
                MessageType.PING -> Ping(message.ref)
                MessageType.PONG -> Pong
                MessageType.AUTH if renewsTokens -> Authenticate.of(message)
                MessageType.REPLY if isReply(message) -> Reply(message)
                MessageType.ERROR if isReply(message) -> Reply(message)
                MessageType.SUBSCRIBE if hasTopics -> {
                    val data = message.decode<SubscribeData?>()
                    Subscribe(message.topic, message.ref, data?.since, data?.params)
                }
                MessageType.UNSUBSCRIBE if hasTopics -> Unsubscribe(message.topic, message.ref)
                MessageType.PUBLISH if hasTopics -> Publish(message)
                else -> Other(message)
            }

        /**
         * Whether [message] is a command between the client and the server. Interceptors are not called for it.
         *
         * @param renewsTokens see [of]
         */
        fun isControl(message: Message, renewsTokens: Boolean): Boolean =
            when (message.type) {
                MessageType.PING, MessageType.PONG -> true
                MessageType.AUTH -> renewsTokens
                MessageType.REPLY, MessageType.ERROR -> isReply(message)
                else -> false
            }

        /**
         * Whether [message] replies to a request of the server. A late or duplicate reply is dropped, and not passed to
         * `onMessage`.
         */
        private fun isReply(message: Message): Boolean = message.ref.startsWith(RefPrefix.SERVER)
    }
}
