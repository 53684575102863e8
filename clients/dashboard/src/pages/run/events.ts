import { runs } from '../../lib/api';
import { eventView, type EventView } from '../../models/run/events';

const PAGE_SIZE = 1_000;
/** More are not kept in the page; the oldest go. */
const MOST = 5_000;

/** The events of a run, read on from where they were left. */
export class EventReader {
  readonly #runId: string;
  readonly #isWanted: (event: EventView) => boolean;
  /** Those of whole pages, which are not asked for again. */
  #before: readonly EventView[] = [];
  #token = '';
  #newest: readonly EventView[] = [];

  constructor(runId: string, isWanted: (event: EventView) => boolean = () => true) {
    this.#runId = runId;
    this.#isWanted = isWanted;
  }

  /** The newest events, oldest first; the same array as before when nothing has happened. */
  async read(signal: AbortSignal): Promise<readonly EventView[]> {
    for (;;) {
      const page = { pageSize: PAGE_SIZE, pageToken: this.#token };
      const answer = await runs.listEvents({ runId: this.#runId, page }, { signal });
      const all = [...this.#before, ...answer.events.map(eventView).filter(this.#isWanted)].slice(-MOST);
      if (all.at(-1)?.sequence !== this.#newest.at(-1)?.sequence) {
        this.#newest = all;
      }
      if (answer.nextPageToken === '') {
        return this.#newest;
      }
      this.#before = all;
      this.#token = answer.nextPageToken;
    }
  }
}
