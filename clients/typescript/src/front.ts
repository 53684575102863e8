/** What browsers and Node.js have in common. */
export {
  type About,
  Code,
  explain,
  GauntletError,
  type Kind,
  type Violation,
} from './errors.js';
export { Gauntlet, type Watch } from './gauntlet.js';
export { type Concluded, ending, exitCode, NoReportError } from './report.js';
export { type FollowOptions, resume, type Source, type Update } from './resume.js';
export { DEFAULT_PROJECT, FindingsError, type Started, type StartOptions, TemplateError } from './start.js';
export { explaining } from './transport.js';
export { VERSION } from './version.js';
export {
  type EventsChange,
  isOver,
  type LogsChange,
  type LogsRequest,
  type Metric,
  type RunsChange,
  type RunsRequest,
  type ShardsChange,
  type WorkersChange,
} from './watch.js';
