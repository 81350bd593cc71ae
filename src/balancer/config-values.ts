// The kinds of values that a configuration is made of, each with the words that an error message has for it.
import { z } from "zod";

/** What each value must be, in words; looked up when an error message is made. */
export const acceptedValues = z.registry<{ accepts: string }>();

export function accepting<Schema extends z.ZodType>(schema: Schema, accepts: string): Schema {
  acceptedValues.add(schema, { accepts });
  return schema;
}

export const wholeNumber = (min: number, max: number, unit = "") =>
  accepting(z.int().min(min).max(max), `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`);
export const aNumber = (min: number, max: number) =>
  accepting(z.number().min(min).max(max), `a number from ${min} to ${max}`);
export const milliseconds = (min: number, max: number) => wholeNumber(min, max, "milliseconds");
export const port = () => accepting(z.int().min(0).max(65_535), "a port from 0 to 65535 (0: any free one)");
export const text = (accepts: string) => accepting(z.string().min(1), accepts);
export const oneOf = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  accepting(z.enum(values), `one of ${values.map((value) => `"${value}"`).join(", ")}`);
export const cidrs = (what: string) =>
  accepting(z.array(text("an address or CIDR network")), `a list of ${what}, such as ["10.0.0.0/8"]`);
export const aFunction = <Signature>(signature: string) =>
  accepting(
    z.custom<Signature>((value) => typeof value === "function"),
    `a function ${signature}`,
  );

export const bytes = (min: number, max: number) => wholeNumber(min, max, "bytes");

export const yesOrNo = () => accepting(z.boolean(), "true or false");
