// Light, dark, or as the system says. The choice is kept in this browser.
import { createCell, useCell } from "./cell.ts";

export type Theme = "system" | "light" | "dark";

const storageKey = "roundhouse-theme";
const themes: readonly Theme[] = ["system", "light", "dark"];
const symbols: Readonly<Record<Theme, string>> = { system: "◐", light: "○", dark: "●" };
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

const chosen = createCell<Theme>(
  themes.find((name) => name === localStorage.getItem(storageKey)) ?? "system",
);

/** True while the page is dark; for what is painted rather than styled. */
export const isDark = createCell(darkNow());

chosen.follow(applyTheme);
systemIsDark.addEventListener("change", applyTheme);
applyTheme();

function darkNow(): boolean {
  return chosen.value === "system" ? systemIsDark.matches : chosen.value === "dark";
}

function applyTheme(): void {
  localStorage.setItem(storageKey, chosen.value);
  document.documentElement.dataset.theme = darkNow() ? "dark" : "light";
  isDark.set(darkNow());
}

export function ThemeButton() {
  const theme = useCell(chosen);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] as Theme;
  return (
    <button
      type="button"
      class="plain icon"
      aria-label={`Theme: ${theme}. Switch to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => chosen.set(next)}
    >
      {symbols[theme]}
    </button>
  );
}
