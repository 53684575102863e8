/**
 * Runs a template file against a control plane: a line each second, then the
 * verdict; ends with the exit codes of the command line.
 *
 *     node dist/examples/run.js http://127.0.0.1:8090 benchmark.yaml [--acknowledge]
 */
import { readFile } from 'node:fs/promises';

import { connect, ending, exitCode, type Gauntlet, GauntletError } from '@gauntlet/client/node';
import { type MetricsPoint, RunPhase, Validity, Verdict } from '@gauntlet/client/gen/run';

/** Prints a run's seconds until its last. */
async function follow(gauntlet: Gauntlet, runId: string): Promise<void> {
  let isCut = false;
  for await (const { value, interrupted } of gauntlet.metrics(runId)) {
    if (interrupted !== undefined && !isCut) {
      console.error(`${interrupted.message}; trying again`);
    }
    isCut = interrupted !== undefined;
    if (value?.case === 'point') {
      console.log(line(value.value));
    }
  }
}

function line({ phase, timeUs, total }: MetricsPoint): string {
  const second = new Date(Number(timeUs / 1000n)).toISOString().slice(11, 19);
  const p99 = ((total?.response?.p99Us ?? 0) / 1000).toFixed(2);
  const { succeeded = 0n, failed = 0n } = total ?? {};
  return `${second} ${RunPhase[phase].toLowerCase()}: ${succeeded} operations, p99 ${p99} ms, ${failed} failed`;
}

async function main([url, file, acknowledge]: string[]): Promise<number> {
  if (url === undefined || file === undefined) {
    console.error('give the address of a control plane and a template file, like http://127.0.0.1:8090 demo.yaml');
    return 1;
  }
  const gauntlet = connect(url);
  const yaml = await readFile(file, 'utf8');
  const started = await gauntlet.startRun({ yaml, acknowledge: acknowledge === '--acknowledge' ? 'all' : [] });
  const { runId, name } = started.run;
  console.log(`run ${name} (${runId})`);
  await follow(gauntlet, runId);
  const { run, report } = await gauntlet.report(runId);
  for (const { name: slo, verdict, message } of report.slos) {
    console.log(`${Verdict[verdict]} ${slo}: ${message}`);
  }
  for (const { code, message } of report.reasons) {
    console.log(`${code}: ${message}`);
  }
  console.log(`${ending(run)}: ${Verdict[report.verdict]}, ${Validity[report.validity]}`);
  return exitCode(run, report);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GauntletError || (error instanceof Error && 'errno' in error))) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
