// A colour for each seat, so that a replacement has the colour of the one it replaces. The first twelve are told apart
// one by one; after them hues go around by the golden angle, so that neighbours differ as much as they can. Pure.

/** Lightness and chroma fit both themes: at least 3:1 against paper and against night. */
const first = [
  "#3f6fd8",
  "#d0721d",
  "#2a957a",
  "#c4508f",
  "#8a63d2",
  "#8f8a1f",
  "#2b93b8",
  "#cf4a45",
  "#5f8f3a",
  "#a3683f",
  "#7d7f8a",
  "#b06bc9",
] as const;

const goldenAngle = 137.508;

export function seatColour(seat: number): string {
  const known = first[seat - 1];
  if (known !== undefined) return known;
  const step = seat - first.length;
  const hue = (step * goldenAngle) % 360;
  return hex(hue, 45 + (step % 3) * 12, 48 + (step % 2) * 8);
}

/** Hue in degrees, saturation and lightness in per cent (CSS Color 4, §7). */
function hex(hue: number, saturation: number, lightness: number): string {
  const l = lightness / 100;
  const a = (saturation / 100) * Math.min(l, 1 - l);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = l - a * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
