import { type TopicOptions, payloadIn } from "../client-topic.js";
import type { Message } from "../codec/message.js";
import { LiveError } from "../errors.js";

/** A schema of any library that implements Standard Schema, such as zod or valibot. */
export interface StandardSchema<T> {
  readonly "~standard": {
    validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>>;
    readonly types?: { readonly output: T } | undefined;
  };
}

type SchemaResult<T> = { value: T; issues?: undefined } | { issues: readonly { message: string }[] };

/**
 * Options of a topic with payloads that `schema` checks: `live.topic("room", validated(Chat))`. The schema must be
 * synchronous.
 *
 * @param onBadPayload called for a payload that the schema rejects; the message is skipped. Without it the collector
 *   fails with `bad_payload`
 */
export const validated = <T>(
  schema: StandardSchema<T>,
  { onBadPayload, ...options }: { params?: unknown; onBadPayload?: (error: LiveError) => void } = {},
): TopicOptions<T> => ({
  ...options,
  read(message) {
    const payload = payloadIn(message);
    if (!payload) return;
    const result = schema["~standard"].validate(payload.value);
    if ("value" in result) return { value: result.value };
    // a promise has no issues
    const issues = (result as { issues?: { message: string }[] }).issues?.map((issue) => issue.message);
    const error = new LiveError("bad_payload", "" + (issues ?? "the schema must be synchronous"));
    if (!onBadPayload) throw error;
    onBadPayload(error);
    return;
  },
});

/** Options of a topic with messages of every type as they are. */
export const raw = (options: { params?: unknown } = {}): TopicOptions<Message> => ({
  ...options,
  read: (value) => ({ value }),
});
