import type { Route } from './lib/router.svelte';

/** Every page of the dashboard. Projects have slashes, so they come encoded. */
export const routes: readonly Route[] = [
  { path: '/', title: 'Runs', load: () => import('./pages/runs/RunsPage.svelte') },
  { path: '/runs/:id', title: 'Run', load: () => import('./pages/run/RunPage.svelte') },
  { path: '/compare', title: 'Compare', load: () => import('./pages/compare/ComparePage.svelte') },
  { path: '/templates', title: 'Templates', load: () => import('./pages/templates/TemplatesPage.svelte') },
  { path: '/templates/new', title: 'New template', load: () => import('./pages/templates/EditPage.svelte') },
  { path: '/templates/:project/:name', title: 'Template', load: () => import('./pages/templates/TemplatePage.svelte') },
  { path: '/templates/:project/:name/edit', title: 'Edit template', load: () => import('./pages/templates/EditPage.svelte') },
  { path: '/targets', title: 'Targets', load: () => import('./pages/targets/TargetsPage.svelte') },
  { path: '/targets/:project/:name', title: 'Target', load: () => import('./pages/targets/TargetPage.svelte') },
  { path: '/workers', title: 'Workers', load: () => import('./pages/workers/WorkersPage.svelte') },
];
