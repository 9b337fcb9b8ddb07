import type { DisconnectCause } from "../connection/connection-state.js";
import { LiveError, isTemporary } from "../errors.js";
import { sendRequest } from "../topic/request-sender.js";
import type { Router } from "../topic/router.js";

/** Authenticates the connections of a client. Created by {@link bearer}. */
export interface Auth {
  /** @internal Returns the subprotocol with the token for a connection. Throws a {@link DisconnectCause}. */
  _next(): Promise<string>;
  /** @internal The server rejected the token. It is not sent again. */
  _reject(): void;
  /** @internal Sends a fresh token before the current one expires. `later` runs a function on this connection. */
  _renew(router: Router, leftMs: number, later: (run: () => void, ms: number) => void): Promise<void>;
}

/**
 * Authenticates with a bearer token: `new LiveClient(url, { auth: bearer(() => token) })`.
 *
 * `provide` is called before each connection, and before the token expires. The client sends the token in a
 * subprotocol, because browsers cannot set headers. After a rejected token the client reconnects only with another one.
 *
 * @param timeoutMs time limit for `provide`
 */
export const bearer = (provide: () => string | Promise<string>, timeoutMs = 30_000): Auth => {
  let current: string | undefined;
  let rejected: string | undefined;
  let isRenewing = false;

  const nextToken = async (): Promise<string> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let token: string;
    try {
      const timeout = new Promise<never>((_, reject) => (timer = setTimeout(reject, timeoutMs, new Error("timeout"))));
      token = await Promise.race([provide(), timeout]);
      if (typeof token != "string" || !/^[ -~]+$/.test(token))
        throw new TypeError("a token must be printable ASCII, without a line break");
    } catch (error) {
      throw { kind: "no_token", reason: `the token function failed: ${error}`, error } satisfies DisconnectCause;
    } finally {
      clearTimeout(timer);
    }
    if (token != rejected) return token;
    const reason = "the server rejected the token, and the token function returned it again";
    throw { kind: "stale_token", reason } satisfies DisconnectCause;
  };

  /** Sends the token. Returns false if another attempt may help. */
  const isRenewed = async (router: Router): Promise<boolean> => {
    const before = current;
    try {
      const token = await nextToken();
      if (token == before) return false;
      current = token; // a rejection refers to this token
      await sendRequest(router, { type: "auth", json: JSON.stringify({ token }) });
      return true;
    } catch (e) {
      const isFinal = e instanceof LiveError && !isTemporary(e) && e.code != "connection_lost";
      if (!isFinal) current = before;
      return isFinal;
    }
  };

  return {
    async _next() {
      current = await nextToken();
      isRenewing = false;
      return "live.bearer." + btoa(current).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
    },
    _reject() {
      rejected = current;
    },
    async _renew(router, leftMs, later) {
      if (isRenewing) return;
      isRenewing = true;
      // repeats after half of the remaining time: many applications have a fresh token only shortly before the end
      const attempt = async (): Promise<void> => {
        leftMs /= 2;
        if (await isRenewed(router)) isRenewing = false;
        else if (leftMs >= 1_000) later(() => void attempt(), leftMs);
        else isRenewing = false;
      };
      await attempt();
    },
  };
};
