const KEY = 'gauntlet.project';

let chosen = $state(localStorage.getItem(KEY) ?? 'default');

/** The project that lists show. */
export const project = {
  get name(): string {
    return chosen;
  },
  set name(name: string) {
    chosen = name;
    localStorage.setItem(KEY, name);
  },
};
