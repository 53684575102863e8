import { SearchEnd, type ScalabilityFit, type SearchResult } from '../../lib/pb';
import { count, rate } from '../../lib/format';
import { plain } from '../../lib/words';
import { level, levelText } from '../run/level';
import { curves, stepViews, type Curves, type StepView } from '../run/search';

/** What a search found. */
export interface SearchResultView {
  end: string;
  message: string;
  best: string;
  failed: string;
  knee: string;
  kneeMessage: string;
  /** The Universal Scalability Law's figures, or why there are none. */
  fit: { name: string; value: string; note: string }[];
  fitMessage: string;
  steps: StepView[];
  curves: Curves;
}

/** The page's view of what a search found. */
export function searchResultView(result: SearchResult): SearchResultView {
  const steps = stepViews(result.steps);
  return {
    end: plain(SearchEnd[result.end]),
    message: result.message,
    best: levelText(level(result.best)),
    failed: levelText(level(result.failed)),
    knee: levelText(level(result.knee)),
    kneeMessage: result.kneeMessage,
    fit: result.fit ? figures(result.fit) : [],
    fitMessage: result.fitMessage,
    steps,
    curves: curves(steps, result.fit),
  };
}

function figures(fit: ScalabilityFit): SearchResultView['fit'] {
  const share = (value: number): string => value.toPrecision(3);
  const interval = (low: number, high: number): string => `95 %: ${share(low)} to ${share(high)}`;
  const peak = fit.peakConnections;
  return [
    { name: 'one connection (λ)', value: rate(fit.lambda), note: `R² ${fit.rSquared.toFixed(3)}` },
    { name: 'contention (σ)', value: share(fit.sigma), note: interval(fit.sigmaLow, fit.sigmaHigh) },
    { name: 'coherence (κ)', value: share(fit.kappa), note: interval(fit.kappaLow, fit.kappaHigh) },
    {
      name: 'most productive at',
      value: peak === undefined ? 'no maximum' : `${count(Math.round(peak))} connections`,
      note: peak === undefined ? 'κ cannot be told from 0' : rate(fit.peakThroughputPerS),
    },
  ];
}
