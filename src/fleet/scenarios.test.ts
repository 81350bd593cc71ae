// Plays scenarios: text files that are conversations with a reducer. A paragraph is a command or several, `----`, and
// what follows from them, up to a blank line; lines that begin with # and paragraphs without `----` are for the reader.
// `UPDATE_SCENARIOS=1 node test/run.mjs FOLDER` writes what happens now into the files; read the difference before you
// commit it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";

/** Obeys a command: what is told of it, line by line. Lives as long as one scenario. */
export type Player = (command: string) => string[];

/** The whole file is one scenario, and one test. */
export function testScenario(file: string, createPlayer: () => Player): void {
  test(`scenario ${basename(file)}`, () => {
    const expected = readFileSync(file, "utf8");
    const actual = `${played(expected, createPlayer())}\n`;
    if (process.env.UPDATE_SCENARIOS) writeFileSync(file, actual);
    else assert.equal(actual, expected);
  });
}

/** Each part of the file that begins with `== TITLE` is a scenario, and a test. */
export function testScenarios(file: string, createPlayer: () => Player): void {
  const sections = readFileSync(file, "utf8").split(/^(?=== )/m);
  for (const [index, section] of sections.entries()) {
    if (!section.startsWith("== ")) continue;
    test(`scenario: ${section.slice(3, section.indexOf("\n"))}`, () => {
      const actual = played(section, createPlayer());
      if (process.env.UPDATE_SCENARIOS) {
        sections[index] = `${actual}\n\n\n`;
        writeFileSync(file, sections.join("").trimEnd().concat("\n"));
      } else assert.equal(actual, section.trimEnd());
    });
  }
}

/** The text with the answers as they are now. */
function played(text: string, player: Player): string {
  return text
    .trimEnd()
    .split(/\n\n+/)
    .map((paragraph) => {
      const [commands = ""] = paragraph.split("\n----");
      if (!paragraph.includes("\n----")) return paragraph;
      const answers = commands.split("\n").flatMap((line) => (line.startsWith("#") ? [] : player(line)));
      return `${commands}\n----\n${answers.join("\n") || "(nothing)"}`;
    })
    .join("\n\n");
}
