import { count, rate } from '../../lib/format';
import type { LoadLevel, TemplateSpec } from '../../lib/pb';

/** How much load, over all workers: connections of a closed loop, or operations due per second of an open one. */
export interface Level {
  amount: number;
  unit: 'connections' | 'per second';
}

export function level(message: LoadLevel | undefined): Level | undefined {
  switch (message?.level.case) {
    case 'connections':
      return { amount: message.level.value, unit: 'connections' };
    case 'perSecond':
      return { amount: message.level.value, unit: 'per second' };
    default:
      return undefined;
  }
}

/** The level that a template asks for. */
export function plannedLevel(spec: TemplateSpec | undefined): Level | undefined {
  const mode = spec?.load?.mode;
  switch (mode?.case) {
    case 'concurrency':
      return { amount: mode.value.connections, unit: 'connections' };
    case 'rate':
      return { amount: mode.value.perSecond, unit: 'per second' };
    default:
      return undefined;
  }
}

export function levelText(value: Level | undefined): string {
  if (!value) {
    return '–';
  }
  if (value.unit === 'per second') {
    return rate(value.amount);
  }
  return `${count(value.amount)} ${value.amount === 1 ? 'connection' : 'connections'}`;
}
