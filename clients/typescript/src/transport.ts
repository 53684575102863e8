/** What every call goes through: a deadline, and errors that are sentences. */
import type { DescMethod } from '@bufbuild/protobuf';
import { type Interceptor, type StreamResponse, type Transport } from '@connectrpc/connect';

import { type About, explain, foreign, GauntletError } from './errors.js';
import { ServerService } from './gen/gauntlet/v1/server_service_pb.js';

/** How long a call may take that does not say it itself. Streams have no deadline but silence. */
const UNARY_TIMEOUT_MS = 60_000;
/** Silence ends a stream, not its age: the transport's default deadline is for unary calls. */
const NO_DEADLINE = 0;
/** How long the control plane may take to say its version. */
const VERSION_TIMEOUT_MS = 2_000;

/** Sends a token along with each call. */
export function bearer(token: string | undefined): Interceptor[] {
  if (token === undefined) {
    return [];
  }
  return [
    (next) => (request) => {
      request.header.set('authorization', `Bearer ${token}`);
      return next(request);
    },
  ];
}

/** Wraps a transport so that what it throws is a {@link GauntletError}. */
export function explaining(inner: Transport, about: Pick<About, 'url' | 'hasToken'>): Transport {
  const why = async (error: unknown, method: DescMethod, begun: boolean): Promise<GauntletError> => {
    const known = { ...about, method: `${method.parent.name}.${method.name}`, begun };
    const first = explain(error, known);
    if (first.kind !== 'version' || method.parent.typeName === ServerService.typeName) {
      return first;
    }
    return explain(error, { ...known, serverVersion: await serverVersion(inner) });
  };
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      try {
        return await inner.unary(method, signal, timeoutMs ?? UNARY_TIMEOUT_MS, header, input, contextValues);
      } catch (error) {
        throw await why(error, method, false);
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      try {
        const response = await inner.stream(method, signal, timeoutMs ?? NO_DEADLINE, header, input, contextValues);
        return explained(response, (error, begun) => why(error, method, begun));
      } catch (error) {
        throw await why(error, method, false);
      }
    },
  };
}

function explained<I extends DescMethod['input'], O extends DescMethod['output']>(
  response: StreamResponse<I, O>,
  why: (error: unknown, begun: boolean) => Promise<GauntletError>,
): StreamResponse<I, O> {
  async function* messages() {
    let begun = false;
    try {
      for await (const message of response.message) {
        begun = true;
        yield message;
      }
    } catch (error) {
      throw await why(error, begun);
    }
  }
  return { ...response, message: messages() };
}

/** The control plane's version; empty when it is too old to say. */
async function serverVersion(inner: Transport): Promise<string> {
  try {
    const method = ServerService.method.getServer;
    const answer = await inner.unary(method, undefined, VERSION_TIMEOUT_MS, undefined, {});
    return answer.message.server?.version ?? '';
  } catch {
    return '';
  }
}

/**
 * A fetch that refuses an answer of something else than a control plane: a web
 * page would be taken for a broken message.
 */
export const strictFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const type = response.headers.get('content-type') ?? '';
  // A proxy's error page stands for a control plane that is away.
  const isOurs = /^application\/(grpc|connect|proto|json)/.test(type) || response.status >= 400;
  const isPage = response.status === 404 && type.startsWith('text/html');
  if (!isOurs || isPage) {
    const message = foreign(type || 'no content type', new URL(response.url).origin);
    throw new GauntletError({ kind: 'not-gauntlet', message });
  }
  return response;
};
