/** Texts to begin a template with. */

export interface Starter {
  id: string;
  name: string;
  text: (target: string) => string;
}

export const STARTERS: readonly Starter[] = [
  {
    id: 'closed',
    name: 'Closed loop: reads and writes, as fast as 8 connections go',
    text: (target) => `# Each connection sends its next operation when the one before has ended.
name: mixed
description: reads and writes in a closed loop
target: ${target}
table: gauntlet_demo

operations:
  - kind: point_lookup
    weight: 80
    parameters:
      - zipf: {min: 1, max: 100000}
  - kind: range_scan
    weight: 10
    limit: 20
    parameters:
      - uniform: {min: 1, max: 100000}
  - kind: update
    weight: 10
    columns: [k]
    parameters:
      - uniform: {min: 1, max: 100000} # the new value of k
      - uniform: {min: 1, max: 100000} # the key

load:
  concurrency: {connections: 8}

phases:
  warmup: 5s
  measurement: 30s

slos:
  - latency: {percentile: 99, max: 50ms}
  - max_error_ratio: 0.01
`,
  },
  {
    id: 'open',
    name: 'Open loop: 500 operations a second, whatever the target does',
    text: (target) => `# Operations are due on a schedule: a target that falls behind shows it in the response time.
name: steady-rate
description: a constant rate of reads and updates
target: ${target}
table: gauntlet_demo

operations:
  - kind: point_lookup
    weight: 90
    parameters:
      - uniform: {min: 1, max: 100000}
  - kind: update
    weight: 10
    columns: [k]
    parameters:
      - uniform: {min: 1, max: 100000} # the new value of k
      - zipf: {min: 1, max: 100000} # the key

load:
  rate: {per_second: 500, connections: 8}

phases:
  warmup: 5s
  measurement: 30s

slos:
  - latency: {percentile: 95, max: 50ms}
  - min_throughput_per_s: 490
`,
  },
  {
    id: 'search',
    name: 'Search: the highest rate that the target sustains',
    text: (target) => `# The rate grows until a step fails, then the gap is halved.
name: highest-rate
description: the highest rate that the target sustains
target: ${target}
table: gauntlet_demo

operations:
  - kind: point_lookup
    weight: 100
    parameters:
      - uniform: {min: 1, max: 100000}

load:
  rate: {per_second: 100, connections: 16}

search:
  bisect: {}
  step: 5s
  max_level: 20000

phases:
  warmup: 5s
  measurement: 3m

slos:
  - latency: {percentile: 99, max: 20ms}
`,
  },
  {
    id: 'empty',
    name: 'Empty',
    text: (target) => `name: ""
target: ${target}

operations: []

load:
  concurrency: {connections: 1}

phases:
  measurement: 30s
`,
  },
];

/** The first starter when no other is asked for. */
export function starter(id: string): Starter | undefined {
  return STARTERS.find((each) => each.id === id) ?? STARTERS[0];
}
