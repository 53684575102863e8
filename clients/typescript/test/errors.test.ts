import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { address } from '../src/address.js';
import { explain } from '../src/errors.js';
import { ServerService } from '../src/gen/gauntlet/v1/server_service_pb.js';
import { RunService } from '../src/gen/gauntlet/v1/run_service_pb.js';
import { BadRequestSchema } from '../src/gen/google/rpc/error_details_pb.js';
import { RUN, scripted } from './scripted.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

const about = { url: 'http://127.0.0.1:8090', method: 'RunService.GetRun' };

/** As a control plane answers it. */
function answer(message: string, code: Code): ConnectError {
  const error = new ConnectError(message, code);
  error.isWireError = true;
  return error;
}

/** As Node.js says it: an error whose cause is a socket's. */
function socket(code: string): ConnectError {
  const cause = Object.assign(new Error(`connect ${code}`), { code });
  return new ConnectError('fetch failed', Code.Unknown, undefined, undefined, new TypeError('fetch failed', { cause }));
}

describe('explain', () => {
  const cannotFetch = new TypeError('Failed to fetch');
  const brokenFetch = new TypeError('network error');

  /** As a transport says that a fetch failed. */
  function fetching(cause: Error): ConnectError {
    return new ConnectError(cause.message, Code.Unknown, undefined, undefined, cause);
  }

  it.each([
    ['nobody listens', socket('ECONNREFUSED'), `no control plane answers at ${about.url}; start one with: gauntlet up`],
    ['no such host', socket('ENOTFOUND'), 'no control plane answers at'],
    ['a browser that cannot fetch', fetching(cannotFetch), 'no control plane answers at'],
    ['a proxy in front of nothing', new ConnectError('HTTP 503', Code.Unavailable), 'no control plane answers'],
  ])('%s', (_, error, message) => {
    expect(explain(error, about)).toMatchObject({ kind: 'unreachable', retryable: true });
    expect(explain(error, about).message).toContain(message);
  });

  it.each([
    ['a stream that broke', socket('ECONNRESET'), 'the connection to the control plane broke: connect ECONNRESET'],
    ['a browser whose stream broke', fetching(brokenFetch), 'the connection to the control plane broke: network error'],
    ['a stream without its end', new ConnectError('missing EndStreamResponse', Code.Unknown), 'missing EndStream'],
    ['a deadline', new ConnectError('the operation timed out', Code.DeadlineExceeded), 'did not answer in time; try'],
    ['a signal', ConnectError.from(AbortSignal.abort().reason), 'the call was ended by its signal'],
    ['anything', 'oh', 'the connection to the control plane broke: oh'],
  ])('%s', (_, error, message) => {
    const explained = explain(error, { ...about, begun: true });
    expect(explained).toMatchObject({ kind: 'lost', retryable: true });
    expect(explained.message).toContain(message);
    expect(explain(explained)).toBe(explained);
  });

  const page = new ConnectError('unsupported content type text/html', Code.Unknown);
  const plain = Object.assign(new Error('wrong version number'), { code: 'EPROTO' });

  it.each([
    ['a web page', page, 'not-gauntlet', `what answers at ${about.url} is no control plane of gauntlet`],
    ['a web server', new ConnectError('HTTP 404', Code.Unimplemented), 'not-gauntlet', 'check the address, like http'],
    ['no authority', socket('DEPTH_ZERO_SELF_SIGNED_CERT'), 'unreachable', "authority's certificate, as the option ca"],
    ['no TLS', fetching(plain), 'unreachable', 'does not speak TLS; use http instead of https'],
    ['no token', answer('', Code.Unauthenticated), 'token', 'asks for a token; give it one, as the option token'],
    ['a run that is not', answer('there is no run x', Code.NotFound), 'refused', 'x; look for it with: gauntlet list'],
    ['no such template', answer('template x is not', Code.NotFound), 'refused', 'with: gauntlet template list'],
    ['no words', answer('', Code.FailedPrecondition), 'refused', 'the control plane answered: failed precondition'],
  ])('%s', (_, error, kind, message) => {
    const explained = explain(error, about);
    expect(explained).toMatchObject({ kind, retryable: false });
    expect(explained.message).toContain(message);
  });

  it('an old token', () => {
    expect(explain(answer('', Code.Unauthenticated), { ...about, hasToken: true }).message).toBe(
      `the control plane at ${about.url} does not accept the token: ` +
        'it is wrong or has expired; ask who runs it for a new one',
    );
  });

  it('an older server', () => {
    expect(explain(answer('', Code.Unimplemented), { ...about, serverVersion: '0.0.9' }).message).toBe(
      `the control plane at ${about.url} is gauntlet 0.0.9 and does not know RunService.GetRun; ` +
        'this client is 0.1.0: use the same version on both sides',
    );
  });

  it('a store that is away', () => {
    const away = answer('the store is away', Code.Unavailable);
    expect(explain(away)).toMatchObject({ kind: 'refused', retryable: true, message: 'the store is away' });
  });

  it('says of a browser without network that it is offline', () => {
    vi.stubGlobal('navigator', { onLine: false });
    expect(explain(new TypeError('Failed to fetch'), about)).toMatchObject({ kind: 'offline', retryable: true });
  });

  it('tells fields that are wrong', () => {
    const fieldViolations = [
      { field: 'labels', description: 'are too many' },
      { field: '', description: 'too much' },
    ];
    const error = new ConnectError('first', Code.InvalidArgument, undefined, [
      { desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) },
    ]);
    error.isWireError = true;
    const explained = explain(error);
    expect(explained.message).toBe('2 fields are wrong:\n  labels: are too many\n  too much');
    expect(explained.violations).toEqual([
      { field: 'labels', message: 'are too many' },
      { field: '', message: 'too much' },
    ]);
  });
});

describe('a call that the control plane does not know', () => {
  it.each([
    ['that does not say its own', {}, 'is of another version and does not know RunService.GetRun'],
    ['that does', { getServer: () => ({ server: { version: '7.0.0' } }) }, 'is gauntlet 7.0.0 and does not know'],
  ])('names the version of one %s', async (_, server, message) => {
    const gauntlet = scripted((router) => {
      router.service(RunService, {});
      router.service(ServerService, server);
    });
    await expect(gauntlet.runs.getRun({ runId: RUN })).rejects.toThrow(message);
  });
});

describe('address', () => {
  it.each(['', '127.0.0.1:8090', 'localhost', 'ftp://host', 'http://', 'https://'])('"%s" is none', (url) => {
    expect(() => address(url)).toThrow(
      `"${url}" is not the address of a control plane; give one like http://127.0.0.1:8090`,
    );
  });

  it.each([
    ['http://127.0.0.1:8090', 'http://127.0.0.1:8090'],
    ['http://localhost:8090/', 'http://localhost:8090'],
    ['http://[::1]:8090', 'http://[::1]:8090'],
    ['https://bench.example/gauntlet/', 'https://bench.example/gauntlet'],
  ])('%s may carry a token', (url, base) => {
    expect(address(url, 'secret')).toBe(base);
  });

  it.each(['http://bench.example:8090', 'http://127.0.0.1.example', 'http://10.0.0.1:8090'])('%s may not', (url) => {
    expect(address(url)).toBe(url);
    expect(() => address(url, 'secret')).toThrow('everybody on the way could read the token; use https');
  });
});
