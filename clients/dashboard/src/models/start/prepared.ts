import { RunStatus, type Run } from '../../lib/pb';
import { status } from '../../lib/words';

import { formatLabels } from './labels';

/** A run that waits for its start. */
export interface Prepared {
  runId: string;
  project: string;
  name: string;
  target: string;
  labels: string;
  /** False once it is on its way, or over. */
  isPrepared: boolean;
  status: string;
}

export function preparedView(run: Run): Prepared {
  return {
    runId: run.runId,
    project: run.project,
    name: run.name,
    target: run.spec?.target ?? '',
    labels: formatLabels(run.labels),
    isPrepared: run.status === RunStatus.PREPARED,
    status: status(run.status).text,
  };
}
