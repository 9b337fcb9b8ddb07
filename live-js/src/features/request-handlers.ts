import { type Message, checkName } from "../codec/message.js";
import { LiveError, report } from "../errors.js";
import type { LiveClient } from "../live-client.js";
import { payloadOf } from "../topic/request-sender.js";
import type { Router } from "../topic/router.js";

/**
 * Handles a request of the server. Returns the payload of the reply, undefined for none. A {@link LiveError} that it
 * throws is sent to the server; for any other error the server receives `internal`, and the error is reported.
 */
export type RequestHandler = (query: any, request: Message) => unknown;

const CAPACITY = 64;
const RESERVED = /^((un)?subscribe|publish|ack|message|reply|error|presence|auth|expiring|p[io]ng|goodbye)$/;

/**
 * Answers the server's requests of `type` with the result of `handler`, until the returned function is called. At most
 * 64 handlers of a client run at a time, further requests are rejected with `rate_limited`.
 *
 * @throws TypeError if `type` is reserved by the protocol, or already has a handler
 */
export const onRequest = (live: LiveClient, type: string, handler: RequestHandler): (() => void) => {
  const handlers = (live._router._handlers ??= createHandlers(live._router));
  checkName(type, 64);
  if (RESERVED.test(type)) throw new TypeError(`request type '${type}' is reserved by the protocol`);
  if (handlers.has(type)) throw new TypeError(`requests of type '${type}' already have a handler`);
  handlers.set(type, handler);
  return () => {
    if (handlers.get(type) == handler) handlers.delete(type);
  };
};

const createHandlers = (router: Router): Map<string, RequestHandler> => {
  const handlers = new Map<string, RequestHandler>();
  let calls = 0;
  router._onRequest = async (request) => {
    const { type, topic, ref } = request;
    const connection = router._connection;
    if (RESERVED.test(type)) return; // a reply without a request
    /** A reply is only sent on the connection of its request. */
    const respond = (replyType: string, payload: object): void => {
      if (router._connection == connection) router._control({ type: replyType, topic, ref, ...payload });
    };
    const reject = (code: string, reason: string): void => respond("error", payloadOf({ code, reason }));
    const handler = handlers.get(type);
    if (!handler) return reject("unknown_type", "this client has no handler for this type");
    if (calls >= CAPACITY) return reject("rate_limited", "this client handles 64 requests at a time");
    calls++;
    try {
      const result = await handler(request.body ?? request.data, request);
      respond("reply", result === undefined ? {} : payloadOf(result));
    } catch (e) {
      if (e instanceof LiveError) return reject(e.code, e.message);
      reject("internal", "the client's handler failed");
      report(e);
    } finally {
      calls--;
    }
  };

  return handlers;
};
