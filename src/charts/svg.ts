// SVG text, safely: attributes and contents are escaped here and nowhere else. No style sheets, only attributes, so that
// every renderer shows the same.

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element. `content` is SVG already; {@link text} escapes words. */
export function element(name: string, attributes: Attributes, content = ""): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value as string)}"`,
    )
    .join("");
  return content === "" ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`;
}

/** Words at a place. */
export function text(words: string, attributes: Attributes): string {
  return element("text", attributes, escaped(words));
}

export function escaped(words: string): string {
  return words.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A tenth of a pixel is finer than anybody sees. */
function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}
