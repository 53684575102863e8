import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** A plot out of sight is drawn less often: a page of many charts costs little. */
const UNSEEN_MS = 4_000;

/** A plot as wide as its box, drawn anew when it is told to and somebody can see it. */
export class Stage {
  readonly #plot: uPlot;
  readonly #resized: ResizeObserver;
  readonly #seen: IntersectionObserver;
  #data: uPlot.AlignedData;
  #isSeen = true;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(box: HTMLElement, options: Omit<uPlot.Options, 'width'>, data: uPlot.AlignedData) {
    this.#plot = new uPlot({ ...options, width: box.clientWidth }, data, box);
    this.#data = data;
    this.#resized = new ResizeObserver(() => {
      if (this.#plot.width !== box.clientWidth) {
        this.#plot.setSize({ width: box.clientWidth, height: options.height });
      }
    });
    this.#resized.observe(box);
    this.#seen = new IntersectionObserver((entries) => {
      this.#isSeen = entries.at(-1)?.isIntersecting ?? true;
      if (this.#isSeen && this.#waiting !== undefined) {
        this.#redraw();
      }
    });
    this.#seen.observe(box);
  }

  /** Takes what is to be drawn; also when only bands, marks or ends have changed. */
  draw(data: uPlot.AlignedData): void {
    this.#data = data;
    if (this.#isSeen) {
      this.#redraw();
    } else {
      this.#waiting ??= setTimeout(() => this.#redraw(), UNSEEN_MS);
    }
  }

  end(): void {
    this.#resized.disconnect();
    this.#seen.disconnect();
    clearTimeout(this.#waiting);
    this.#plot.destroy();
  }

  #redraw(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#plot.setData(this.#data);
  }
}
