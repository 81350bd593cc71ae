// Text of others, shown so that it cannot look like something that it is not. Pure.

/**
 * What is not seen, or turns the letters around it (Unicode TR 36, section 2.6; UAX 9): control characters but tabs and
 * line ends, marks and overrides of direction, characters of no width, line separators.
 */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** With every such character written as JSON would write it: `\u202e`. */
export function visible(text: string): string {
  return text.replace(unseen, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
