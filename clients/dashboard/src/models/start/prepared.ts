import { RunStatus, type Run } from '../../lib/pb';
import { status } from '../../lib/words';

import { formatLabels } from './labels';

/** A run that waits for its start. */
export interface Prepared {
  runId: string;
  name: string;
  labels: string;
  /** False once it is on its way, or over. */
  isPrepared: boolean;
  status: string;
}

export function preparedView(run: Run): Prepared {
  return {
    runId: run.runId,
    name: run.name,
    labels: formatLabels(run.labels),
    isPrepared: run.status === RunStatus.PREPARED,
    status: status(run.status).text,
  };
}
