import type { Component } from 'svelte';

/** What a page component gets: the parts of the path that its route names. */
export interface PageProps {
  params: Record<string, string>;
}

/** A page's code comes when it is first needed. */
export type Load = () => Promise<{ default: Component<PageProps> }>;

/** One route: a path like `/runs/:id`. */
export interface Route {
  path: string;
  title: string;
  load: Load;
}

/** The route that a path belongs to, with its parameters decoded. */
export function match(
  routes: readonly Route[],
  path: string,
): { route: Route; params: Record<string, string> } | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  for (const route of routes) {
    const wanted = route.path.split('/').filter((part) => part !== '');
    if (wanted.length !== parts.length) {
      continue;
    }
    const params: Record<string, string> = {};
    const fits = wanted.every((want, index) => {
      const part = parts[index] ?? '';
      if (want.startsWith(':')) {
        params[want.slice(1)] = decoded(part);
        return true;
      }
      return want === part;
    });
    if (fits) {
      return { route, params };
    }
  }
  return undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let current = $state(new URL(location.href));
let trail = $state.raw(trailOf(history.state));

/** What is kept with an entry of the browser's history; it survives a reload. */
function trailOf(state: unknown): readonly string[] {
  return Array.isArray(state) ? state.filter((each) => typeof each === 'string') : [];
}

/** Where the page is. */
export const place = {
  get path(): string {
    return current.pathname;
  },
  get query(): URLSearchParams {
    return current.searchParams;
  },
  /** The pages of a list before this one, as far as they were turned one by one: their tokens, the first page's is empty. */
  get trail(): readonly string[] {
    return trail;
  },
};

addEventListener('popstate', () => {
  current = new URL(location.href);
  trail = trailOf(history.state);
});

/** Goes to a path of the dashboard. */
export function navigate(to: string, options: { replace?: boolean; trail?: readonly string[] } = {}): void {
  const url = new URL(to, location.href);
  trail = options.trail ?? [];
  if (options.replace) {
    history.replaceState([...trail], '', url);
  } else {
    history.pushState([...trail], '', url);
    scrollTo(0, 0);
  }
  current = url;
}

/** Changes the query in place, so that what is filtered and chosen is in the link. */
export function setQuery(changes: Record<string, string | undefined>): void {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') {
      url.searchParams.delete(key);
    } else {
      url.searchParams.set(key, value);
    }
  }
  // A list that is asked for otherwise begins at its first page.
  navigate(url.href, { replace: true, trail: 'page' in changes ? [] : trail });
}

/** Lets a plain click on a link of the dashboard change the page without loading it anew. */
export function onLinkClick(event: MouseEvent): void {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const anchor = event.target instanceof Element ? event.target.closest('a') : null;
  if (!plain || event.defaultPrevented || !anchor || anchor.target || anchor.hasAttribute('download')) {
    return;
  }
  const url = new URL(anchor.href, location.href);
  // A link within the page is the browser's.
  if (url.origin !== location.origin || anchor.getAttribute('href')?.startsWith('#')) {
    return;
  }
  event.preventDefault();
  navigate(url.href);
}
