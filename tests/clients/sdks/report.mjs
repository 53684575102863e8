// Waits for the report of a run: node report.mjs URL RUN_ID [TOKEN].
import { connect, GauntletError } from '@gauntlet/client/node';

const [url, runId, token] = process.argv.slice(2);
try {
  const { run } = await connect(url, { token }).report(runId);
  console.log(`the report of run ${run.name} is there`);
} catch (error) {
  if (!(error instanceof GauntletError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
