/**
 * What can go wrong, each as a sentence with a way out.
 */
import { Code, ConnectError } from '@connectrpc/connect';

import { BadRequestSchema } from './gen/google/rpc/error_details_pb.js';
import { VERSION } from './version.js';

export { Code };

/** What kind of trouble it is. */
export type Kind =
  /** The address cannot be used. */
  | 'bad-address'
  /** This browser has no network. */
  | 'offline'
  /** Nothing answers at the address. */
  | 'unreachable'
  /** The connection broke during a call; whether the call was carried out is not known. */
  | 'lost'
  /** Something answers at the address, and it is no control plane. */
  | 'not-gauntlet'
  /** The control plane is of another version and does not know the call. */
  | 'version'
  /** The control plane asks for a token, or does not accept the one given. */
  | 'token'
  /** The control plane, or this client, refused what was asked for. */
  | 'refused';

/** One field that is wrong. */
export interface Violation {
  /** The field's path in the request, like `spec.operations[1].weight`; may be empty. */
  readonly field: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

/** What an error is made of. */
export interface Trouble {
  readonly kind: Kind;
  readonly message: string;
  readonly code?: Code;
  readonly violations?: readonly Violation[];
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** Why a call gave no answer, or not the one hoped for. Its message is a sentence for people. */
export class GauntletError extends Error {
  override readonly name: string = 'GauntletError';
  /** What kind of trouble it is. */
  readonly kind: Kind;
  /** The Connect code; `Unknown` when the control plane did not answer and nothing else fits. */
  readonly code: Code;
  /** The fields that are wrong, for `InvalidArgument`. */
  readonly violations: readonly Violation[];
  /** Whether the same call may succeed a little later. */
  readonly retryable: boolean;

  constructor(trouble: Trouble) {
    super(trouble.message, trouble.cause === undefined ? undefined : { cause: trouble.cause });
    this.kind = trouble.kind;
    this.code = trouble.code ?? Code.Unknown;
    this.violations = trouble.violations ?? [];
    this.retryable = trouble.retryable ?? false;
  }
}

/** What is known of the call that failed. All of it may be left out. */
export interface About {
  /** The control plane's address. */
  readonly url?: string;
  /** The method, like `RunService.GetRun`. */
  readonly method?: string;
  /** Whether a message of this call had come already. */
  readonly begun?: boolean;
  /** Whether a token was sent. */
  readonly hasToken?: boolean;
  /** The control plane's version; empty when it does not say. */
  readonly serverVersion?: string;
}

/** Says of anything that was thrown by a call what it means and what to do. */
export function explain(error: unknown, about: About = {}): GauntletError {
  if (error instanceof GauntletError) {
    return error;
  }
  const failed = ConnectError.from(error);
  if (failed.cause instanceof GauntletError) {
    return failed.cause;
  }
  const trouble = failed.isWireError ? answered(failed, about) : unanswered(failed, about);
  return new GauntletError({ code: failed.code, ...trouble, cause: error });
}

/** A stream of which nothing comes any more. */
export function lost(why: string): GauntletError {
  return new GauntletError({
    kind: 'lost',
    code: Code.Unavailable,
    retryable: true,
    message: `the connection to the control plane broke: ${why}`,
  });
}

/** The codes with which the same call may succeed a little later. */
const PASSING: readonly Code[] = [Code.Unavailable, Code.Unknown, Code.Canceled, Code.DeadlineExceeded];

/** The control plane answered with an error. */
function answered(error: ConnectError, about: About): Trouble {
  switch (error.code) {
    case Code.Unimplemented:
      return { kind: 'version', message: otherVersion(about) };
    case Code.Unauthenticated:
      return { kind: 'token', message: tokenRefused(about) };
    default: {
      const wrong = violations(error);
      return {
        kind: 'refused',
        message: refusal(error, wrong),
        violations: wrong,
        retryable: PASSING.includes(error.code),
      };
    }
  }
}

function refusal(error: ConnectError, wrong: readonly Violation[]): string {
  if (wrong.length > 1) {
    const lines = wrong.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`));
    return `${wrong.length} fields are wrong:\n  ${lines.join('\n  ')}`;
  }
  const said = error.rawMessage === '' ? `the control plane answered: ${words(error.code)}` : error.rawMessage;
  switch (error.code) {
    case Code.NotFound:
      return said.includes('gauntlet ') ? said : `${said}; look for it with: gauntlet ${listing(said)}`;
    case Code.PermissionDenied:
      return `${said}; ask who runs the control plane for a token that may do this`;
    default:
      return said;
  }
}

/** The command that lists what is missing: messages begin with it. */
function listing(said: string): string {
  const listed = /^(template|target|pool) /.exec(said);
  return listed === null ? 'list' : `${listed[1]} list`;
}

function violations(error: ConnectError): Violation[] {
  return error
    .findDetails(BadRequestSchema)
    .flatMap((request) => request.fieldViolations)
    .map(({ field, description }) => ({ field, message: description }));
}

function otherVersion({ url, method, serverVersion }: About): string {
  const server = serverVersion ? `is gauntlet ${serverVersion}` : 'is of another version';
  return (
    `the control plane${at(url)} ${server} and does not know ${method ?? 'this call'}; ` +
    `this client is ${VERSION}: use the same version on both sides`
  );
}

function tokenRefused({ url, hasToken }: About): string {
  const who = `the control plane${at(url)}`;
  return hasToken
    ? `${who} does not accept the token: it is wrong or has expired; ask who runs it for a new one`
    : `${who} asks for a token; give it one, as the option token`;
}

/** The trouble is on this side or on the way. */
function unanswered(error: ConnectError, about: About): Trouble {
  if (isOffline()) {
    return {
      kind: 'offline',
      code: Code.Unavailable,
      retryable: true,
      message: 'this browser is offline; it goes on as soon as there is a network again',
    };
  }
  switch (error.code) {
    case Code.DeadlineExceeded: {
      const message = `the control plane${at(about.url)} did not answer in time; try again`;
      return { kind: 'lost', retryable: true, message };
    }
    case Code.Unauthenticated:
      return { kind: 'token', message: tokenRefused(about) };
    default:
      return onTheWay(error, about);
  }
}

function onTheWay(error: ConnectError, about: About): Trouble {
  const cause = deepest(error);
  // A server's reset of a stream has this code, too, in other words.
  if (error.code === Code.Canceled && /abort/i.test(error.rawMessage)) {
    return { kind: 'lost', retryable: true, message: 'the call was ended by its signal' };
  }
  if (isTls(cause)) {
    return { kind: 'unreachable', message: noTls(cause, about.url ?? 'the control plane') };
  }
  if (about.begun !== true && isForeign(error.rawMessage, cause)) {
    return { kind: 'not-gauntlet', message: foreign(error.rawMessage, about.url) };
  }
  if (about.begun !== true && isRefused(error, cause)) {
    return { kind: 'unreachable', code: Code.Unavailable, retryable: true, message: nobody(about.url) };
  }
  return { kind: 'lost', retryable: true, message: `the connection to the control plane broke: ${cause.message}` };
}

function noTls(cause: Error, url: string): string {
  if (cause.message.includes('wrong version number')) {
    return `${url} does not speak TLS; use http instead of https`;
  }
  return `no TLS with ${url}: ${cause.message}; name its authority's certificate, as the option ca`;
}

/** What to say of something that answers and is no control plane. */
export function foreign(answer: string, url = 'this address'): string {
  return (
    `what answers at ${url} is no control plane of gauntlet (${answer}); ` +
    'check the address, like http://127.0.0.1:8090'
  );
}

function nobody(url: string | undefined): string {
  return `no control plane answers${at(url)}; start one with: gauntlet up`;
}

/** The error that the others wrap: a socket's, mostly. */
function deepest(error: Error): Error & { code?: unknown } {
  let found: Error = error;
  for (let depth = 0; depth < 10 && found.cause instanceof Error; depth += 1) {
    found = found.cause;
  }
  return found instanceof ConnectError ? new Error(found.rawMessage) : found;
}

const REFUSALS: readonly unknown[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** Whether no connection came about. A browser does not say more than that a fetch failed. */
function isRefused(error: ConnectError, cause: { code?: unknown }): boolean {
  const isFetch = error.cause instanceof TypeError && cause.code === undefined;
  return REFUSALS.includes(cause.code) || isFetch || error.code === Code.Unavailable;
}

function isTls(cause: Error & { code?: unknown }): boolean {
  return typeof cause.code === 'string' && /CERT|SIGNATURE|ERR_TLS|EPROTO|ERR_SSL/.test(cause.code);
}

/** What the protocols' implementations say of an answer that is not of their protocol. */
const FOREIGN =
  /^HTTP [1-5]\d\d$|unsupported content type|^protocol error|Parse Error|is not valid JSON|envelope/i;
/** A proxy says so when what is behind it is away for a while. */
const AWAY = /^HTTP (429|502|503|504)$/;

function isForeign(message: string, cause: { code?: unknown }): boolean {
  if (typeof cause.code === 'string' && (cause.code.startsWith('HPE_') || cause.code === 'ERR_HTTP2_ERROR')) {
    return true;
  }
  return FOREIGN.test(message) && !AWAY.test(message) && !/missing/.test(message);
}

function isOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false;
}

function at(url: string | undefined): string {
  return url === undefined ? '' : ` at ${url}`;
}

function words(code: Code): string {
  return Code[code].replace(/(?!^)([A-Z])/g, ' $1').toLowerCase();
}
