/** Light, dark, or as the system says. */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'gauntlet.theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];
const darkness = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme {
  const word = localStorage.getItem(KEY);
  return ORDER.find((theme) => theme === word) ?? 'system';
}

let chosen = $state<Theme>(stored());
let systemIsDark = $state(darkness.matches);

/** The theme in force; charts are drawn anew when it changes. */
export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  get isDark(): boolean {
    return chosen === 'dark' || (chosen === 'system' && systemIsDark);
  },
};

/** Puts the theme in force on the page; called once before the first paint. */
export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme.isDark ? 'dark' : 'light';
}

/** Goes on to the next of system, light, dark. */
export function nextTheme(): void {
  chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length] ?? 'system';
  localStorage.setItem(KEY, chosen);
  applyTheme();
}

darkness.addEventListener('change', (event) => {
  systemIsDark = event.matches;
  applyTheme();
});
