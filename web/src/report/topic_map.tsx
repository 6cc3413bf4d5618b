// The map of all queries: near each other what means the same, coloured by how well the page answers it. Dragged, zoomed,
// searched; what is encircled becomes a list.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError } from "../api.ts";
import { compact, count, csv, percent } from "../format.ts";
import { href, param } from "../router.ts";
import { Button, download, ErrorNote, fileName, Table } from "../ui.tsx";
import { SearchField } from "../ops/jobs.tsx";
import type { LayoutNews, LayoutTask } from "../worker.ts";
import { startWorker } from "../start_worker.ts";
import { heat } from "./heatmap.tsx";
import type { ReportModel, Topic } from "./model.ts";
import { queryText } from "./profile.ts";
import { loadVectors } from "./vectors.ts";

interface Point {
  query: string;
  topic: Topic;
  impressions: number;
  coverage: number;
}

/** What is drawn where: screen = (world − centre) × scale + middle. */
interface View {
  x: number;
  y: number;
  scale: number;
}

export function TopicMap({ model }: { model: ReportModel }) {
  const points = useMemo(() => toPoints(model), [model.result.job.id]);
  const positions = useSignal<Float32Array | undefined>(undefined);
  const progress = useSignal("Loading the embeddings …");
  const error = useSignal<ApiError | undefined>(undefined);
  const known = useSignal<Point[]>([]);
  const selection = useSignal<Point[]>([]);

  useEffect(() => {
    const abort = new AbortController();
    let worker: Worker | undefined;
    (async () => {
      try {
        const texts = await Promise.all(
          points.map((point) => queryText(model.result.method.model, point.query)),
        );
        const { dimensions, vectors } = await loadVectors(
          model.result.job.id,
          texts,
          abort.signal,
          (share) => {
            progress.value = `Loading the embeddings: ${percent(share)}`;
          },
        );
        known.value = points.filter((_, index) => vectors[index] !== null);
        if (known.value.length < 3) {
          progress.value =
            "The embeddings of this analysis are not stored any more: analyse the page again to see its map.";
          return;
        }
        progress.value = "Laying out …";
        worker = startWorker();
        worker.onmessage = ({ data }: MessageEvent<LayoutNews | { error: string }>) => {
          if ("error" in data) {
            error.value = new ApiError(0, "layout", data.error);
            return;
          }
          positions.value = data.positions;
          progress.value = data.done < 1 ? `Laying out: ${percent(data.done)}` : "";
        };
        const task: LayoutTask = {
          kind: "layout",
          dimensions,
          vectors: vectors.filter((vector) => vector !== null),
        };
        worker.postMessage(task);
      } catch (thrown) {
        if (!abort.signal.aborted) error.value = thrown as ApiError;
      }
    })();
    return () => {
      abort.abort();
      worker?.terminate();
    };
  }, [model.result.job.id]);

  return (
    <>
      <div class="filters">
        <SearchField label="Search" name="q" placeholder="words of a query" />
        <p class="legend" aria-hidden="true">
          {[0.1, 0.45, 0.72, 0.95].map((value) => (
            <span key={value}>
              <i class="heat" data-heat={heat(value)} />
              {percent(value)}
            </span>
          ))}
          <span>answered</span>
        </p>
        <span class="quiet" role="status">
          {progress.value || `${count(known.value.length)} queries`}
        </span>
      </div>
      <ErrorNote error={error.value} />
      <Canvas
        points={known.value}
        positions={positions}
        search={param("q") ?? ""}
        selection={selection}
      />
      <p class="quiet">
        Drag to move, scroll or pinch to zoom, hold Shift and drag to encircle queries.{" "}
        <a href={href(`report/${model.result.job.id}/topics`)}>The same as a table</a>
      </p>
      {selection.value.length > 0 && <Selection model={model} selection={selection} />}
    </>
  );
}

function Selection({ model, selection }: { model: ReportModel; selection: Signal<Point[]> }) {
  const chosen = selection.value;
  const save = () =>
    download(
      `${fileName(model.result.page?.title ?? "queries")}-selection.csv`,
      csv(
        ["query", "topic", "impressions", "coverage"],
        chosen.map((point) => [point.query, point.topic.label, point.impressions, point.coverage]),
      ),
      "text/csv",
    );
  return (
    <section aria-label="Selected queries">
      <div class="filters">
        <h2>
          {count(chosen.length)} queries,{" "}
          {compact(chosen.reduce((sum, point) => sum + point.impressions, 0))} impressions
        </h2>
        <Button onClick={save}>CSV</Button>
        <Button kind="quiet" onClick={() => (selection.value = [])}>Clear</Button>
      </div>
      <Table label="Selected queries" compact>
        <thead>
          <tr>
            <th scope="col">Query</th>
            <th scope="col">Topic</th>
            <th scope="col" class="number">Impressions</th>
            <th scope="col" class="number">Answered</th>
          </tr>
        </thead>
        <tbody>
          {[...chosen].sort((a, b) => b.impressions - a.impressions).slice(0, 200).map((point) => (
            <tr key={point.query}>
              <th scope="row" dir="auto">{point.query}</th>
              <td>
                <a
                  href={href(`report/${model.result.job.id}/text`, { topic: point.topic.id })}
                  dir="auto"
                >
                  {point.topic.label}
                </a>
              </td>
              <td class="number">{count(point.impressions)}</td>
              <td class="number">{percent(point.coverage)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      {chosen.length > 200 && (
        <p class="quiet">The 200 with the most impressions; all are in the CSV.</p>
      )}
    </section>
  );
}

function toPoints(model: ReportModel): Point[] {
  return model.result.topics.flatMap((topic) =>
    topic.queries.map((query) => ({
      query: query.query,
      topic,
      impressions: query.impressions || topic.impressions / topic.queries.length,
      coverage: query.coverage,
    }))
  );
}

const shades = 6;
/** How much wider than the canvas the picture of the points is. */
const layerSize = 1.6;

/** The points as they were drawn for a view. */
interface Layer {
  canvas: HTMLCanvasElement;
  /** Of the canvas it is for. */
  width: number;
  height: number;
  view: View;
}

function Canvas(
  { points, positions, search, selection }: {
    points: Point[];
    positions: Signal<Float32Array | undefined>;
    search: string;
    selection: Signal<Point[]>;
  },
) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const state = useRef<Drawing>(undefined);
  useEffect(() => {
    state.current = new Drawing(
      canvas.current!,
      tip.current!,
      (chosen) => (selection.value = chosen),
    );
    return () => state.current!.close();
  }, []);
  useEffect(() => state.current!.show(points, positions.value), [points, positions.value]);
  useEffect(() => state.current!.find(search), [search, points]);
  return (
    <div class="map">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`Map of ${points.length} queries, near each other what means the same. Plus and minus zoom, arrows move, the table below has the same.`}
      />
      <div ref={tip} class="map-tip" hidden dir="auto" />
    </div>
  );
}

/** The canvas and what moves it; outside of preact, since it draws sixty times a second. */
export class Drawing {
  #points: Point[] = [];
  #positions: Float32Array | undefined;
  #labels: { text: string; x: number; y: number; weight: number }[] = [];
  #view: View = { x: 0, y: 0, scale: 20 };
  #isMoved = false;
  #found: Set<number> | undefined;
  #lasso: { x: number; y: number }[] | undefined;
  #pointers = new Map<number, { x: number; y: number }>();
  #frame = 0;
  #sprites: HTMLCanvasElement[] = [];
  #spriteKey = "";
  #layer: Layer | undefined;
  #sharpen = 0;
  #context: CanvasRenderingContext2D;
  #observer: ResizeObserver;
  #dark = matchMedia("(prefers-color-scheme: dark)");

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly tip: HTMLElement,
    readonly select: (points: Point[]) => void,
  ) {
    this.#context = canvas.getContext("2d")!;
    this.#observer = new ResizeObserver(() => this.draw());
    this.#observer.observe(canvas);
    this.#dark.addEventListener("change", this.#recolour);
    canvas.addEventListener("wheel", this.#wheel, { passive: false });
    canvas.addEventListener("pointerdown", this.#down);
    canvas.addEventListener("pointermove", this.#move);
    canvas.addEventListener("pointerup", this.#up);
    canvas.addEventListener("pointercancel", this.#up);
    canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    canvas.addEventListener("keydown", this.#key);
  }

  close() {
    this.#observer.disconnect();
    this.#dark.removeEventListener("change", this.#recolour);
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#sharpen);
  }

  show(points: Point[], positions: Float32Array | undefined) {
    this.#points = points;
    this.#layer = undefined;
    const { clientWidth, clientHeight } = this.canvas;
    this.#positions = positions &&= lieAs(positions, clientWidth >= clientHeight);
    if (!positions) return;
    const sums = new Map<Topic, { x: number; top: number; count: number }>();
    points.forEach(({ topic }, index) => {
      const sum = sums.get(topic) ?? { x: 0, top: Infinity, count: 0 };
      sum.x += positions[2 * index];
      sum.top = Math.min(sum.top, positions[2 * index + 1]);
      sum.count++;
      sums.set(topic, sum);
    });
    this.#labels = [...sums].map(([topic, sum]) => ({
      text: topic.label,
      x: sum.x / sum.count,
      y: sum.top,
      weight: topic.impressions,
    }))
      .sort((a, b) => b.weight - a.weight);
    if (!this.#isMoved) this.fit();
    this.draw();
  }

  /** Brings nearly all points into view: the outermost hundredth does not decide the scale. */
  fit() {
    const xs: number[] = [], ys: number[] = [];
    for (let index = 0; index < this.#points.length; index++) {
      xs.push(this.#positions![2 * index]);
      ys.push(this.#positions![2 * index + 1]);
    }
    xs.sort((a, b) => a - b);
    ys.sort((a, b) => a - b);
    const at = (sorted: number[], share: number) =>
      sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
    const [left, right, top, bottom] = [at(xs, 0.005), at(xs, 0.995), at(ys, 0.005), at(ys, 0.995)];
    const { clientWidth, clientHeight } = this.canvas;
    this.#view = {
      x: (left + right) / 2,
      y: (top + bottom) / 2,
      scale: 0.88 *
        Math.min(
          clientWidth / Math.max(right - left, 1e-6),
          clientHeight / Math.max(bottom - top, 1e-6),
        ),
    };
  }

  find(search: string) {
    this.#layer = undefined;
    const wanted = search.trim().toLowerCase();
    this.#found = wanted === ""
      ? undefined
      : new Set(this.#points.flatMap((point, index) =>
        point.query.toLowerCase().includes(wanted) ? [index] : []
      ));
    this.draw();
  }

  #recolour = () => {
    this.#layer = undefined;
    this.draw();
  };

  /** Draws in the next frame, however often it is asked for before. */
  draw = () => {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.paint());
  };

  #screen(index: number): [number, number] {
    const { x, y, scale } = this.#view;
    return [
      (this.#positions![2 * index] - x) * scale + this.canvas.clientWidth / 2,
      (this.#positions![2 * index + 1] - y) * scale + this.canvas.clientHeight / 2,
    ];
  }

  #radius(): number {
    return Math.max(2.2, Math.min(7, 0.16 * this.#view.scale));
  }

  /** A dot for each shade, made once for a size and a scheme: copying pixels is what a canvas does fastest. */
  #dots(ratio: number): HTMLCanvasElement[] {
    const radius = Math.round(this.#radius() * 4) / 4;
    const key = `${radius} ${ratio} ${this.#dark.matches}`;
    if (key === this.#spriteKey) return this.#sprites;
    const style = getComputedStyle(this.canvas);
    this.#sprites = Array.from({ length: shades }, (_, shade) => {
      const sprite = document.createElement("canvas");
      const size = Math.ceil((2 * radius + 2) * ratio);
      sprite.width = sprite.height = size;
      const context = sprite.getContext("2d")!;
      const probe = document.createElement("i");
      probe.className = "heat";
      probe.dataset.heat = String(shade);
      this.canvas.parentElement!.append(probe);
      context.fillStyle = getComputedStyle(probe).backgroundColor;
      probe.remove();
      context.strokeStyle = style.backgroundColor;
      context.lineWidth = 0.6 * ratio;
      context.beginPath();
      context.arc(size / 2, size / 2, radius * ratio, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      return sprite;
    });
    this.#spriteKey = key;
    return this.#sprites;
  }

  /** Draws now. */
  paint() {
    const { canvas } = this;
    const context = this.#context;
    const ratio = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio),
      height = Math.round(canvas.clientHeight * ratio);
    // A view that is being left: a picture without size cannot be copied.
    if (width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.clearRect(0, 0, width, height);
    if (!this.#positions) return;
    const style = getComputedStyle(canvas);
    const { x, y, scale } = this.#view;
    let layer = this.#layer;
    const zoomed = layer ? scale / layer.view.scale : Infinity;
    // What was drawn beyond the edges is used up, or blurs by its enlargement: drawn anew.
    const reach = layer ? (layerSize - 1) / 2 * width / ratio / scale : 0;
    const isBeyond = !layer || Math.abs(x - layer.view.x) > reach ||
      Math.abs(y - layer.view.y) > reach * height / width;
    if (
      !layer || layer.width !== width || layer.height !== height || isBeyond || zoomed > 1.6 ||
      zoomed < 0.7
    ) {
      layer = this.#layer = this.#paintPoints(width, height, ratio);
    } else if (zoomed !== 1) {
      clearTimeout(this.#sharpen);
      this.#sharpen = setTimeout(() => {
        this.#layer = undefined;
        this.draw();
      }, 120);
    }
    const size = layerSize * scale / layer.view.scale;
    context.drawImage(
      layer.canvas,
      width / 2 + (layer.view.x - x) * scale * ratio - size * width / 2,
      height / 2 + (layer.view.y - y) * scale * ratio - size * height / 2,
      size * width,
      size * height,
    );
    this.#paintLabels(context, ratio, style);
    if (this.#lasso && this.#lasso.length > 1) {
      context.beginPath();
      this.#lasso.forEach((point, index) =>
        index === 0
          ? context.moveTo(point.x * ratio, point.y * ratio)
          : context.lineTo(point.x * ratio, point.y * ratio)
      );
      context.closePath();
      context.strokeStyle = style.color;
      context.lineWidth = 1.5 * ratio;
      context.setLineDash([5 * ratio, 4 * ratio]);
      context.stroke();
      context.setLineDash([]);
    }
  }

  /** All points about the present view, with room at the edges: moving then copies one picture instead of 10,000. */
  #paintPoints(width: number, height: number, ratio: number): Layer {
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * layerSize);
    canvas.height = Math.round(height * layerSize);
    const context = canvas.getContext("2d")!;
    const dots = this.#dots(ratio);
    const half = dots[0].width / 2;
    const { x, y, scale } = this.#view;
    const by = scale * ratio;
    const left = canvas.width / 2 - x * by - half, top = canvas.height / 2 - y * by - half;
    const positions = this.#positions!, points = this.#points, found = this.#found;
    const dot = (index: number) => {
      const px = positions[2 * index] * by + left, py = positions[2 * index + 1] * by + top;
      if (px < -20 || py < -20 || px > canvas.width || py > canvas.height) return;
      context.drawImage(dots[heat(points[index].coverage)], px | 0, py | 0);
    };
    context.globalAlpha = found ? 0.15 : 1;
    for (let index = 0; index < points.length; index++) dot(index);
    context.globalAlpha = 1;
    found?.forEach(dot);
    return { canvas, width, height, view: { ...this.#view } };
  }

  /** Labels by weight, each where no heavier one stands: zooming in makes room for more. */
  #paintLabels(context: CanvasRenderingContext2D, ratio: number, style: CSSStyleDeclaration) {
    context.font = `600 ${13 * ratio}px ${style.fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const { x, y, scale } = this.#view;
    const { width, height } = this.canvas;
    const taken: [number, number, number, number][] = [];
    let placed = 0;
    for (const label of this.#labels) {
      const px = (label.x - x) * scale * ratio + width / 2,
        py = (label.y - y) * scale * ratio + height / 2 - (this.#radius() + 11) * ratio;
      if (px < 0 || py < 0 || px > width || py > height) continue;
      const text = label.text.length > 32 ? `${label.text.slice(0, 31)}…` : label.text;
      const half = (text.length * 3.7 + 6) * ratio, tall = 10 * ratio;
      const box: [number, number, number, number] = [px - half, py - tall, px + half, py + tall];
      if (
        taken.some((other) =>
          box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]
        )
      ) continue;
      taken.push(box);
      context.lineWidth = 4 * ratio;
      context.strokeStyle = style.backgroundColor;
      context.strokeText(text, px, py);
      context.fillStyle = style.color;
      context.fillText(text, px, py);
      if (++placed >= 60) break;
    }
  }

  #zoom(factor: number, at = { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 }) {
    const { x, y, scale } = this.#view;
    const next = Math.min(4000, Math.max(1, scale * factor));
    const dx = at.x - this.canvas.clientWidth / 2, dy = at.y - this.canvas.clientHeight / 2;
    // The point under the fingers stays there.
    this.#view = { x: x + dx / scale - dx / next, y: y + dy / scale - dy / next, scale: next };
    this.#isMoved = true;
    this.draw();
  }

  #pan(dx: number, dy: number) {
    const { x, y, scale } = this.#view;
    this.#view = { x: x - dx / scale, y: y - dy / scale, scale };
    this.#isMoved = true;
    this.draw();
  }

  #at(event: PointerEvent | WheelEvent) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #wheel = (event: WheelEvent) => {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY * 0.0016), this.#at(event));
  };

  #down = (event: PointerEvent) => {
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
    if (event.shiftKey) this.#lasso = [this.#at(event)];
  };

  #move = (event: PointerEvent) => {
    const now = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.#hover(now);
    if (this.#lasso) {
      this.#lasso.push(now);
      return this.draw();
    }
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
    if (others.length > 0) {
      const other = others[0][1];
      const distance = (point: { x: number; y: number }) =>
        Math.hypot(point.x - other.x, point.y - other.y);
      this.#zoom(distance(now) / Math.max(1, distance(before)), {
        x: (now.x + other.x) / 2,
        y: (now.y + other.y) / 2,
      });
    } else this.#pan(now.x - before.x, now.y - before.y);
    this.#pointers.set(event.pointerId, now);
  };

  #up = (event: PointerEvent) => {
    this.#pointers.delete(event.pointerId);
    if (!this.#lasso) return;
    const ring = this.#lasso;
    this.#lasso = undefined;
    this.select(this.#points.filter((_, index) => isInside(ring, ...this.#screen(index))));
    this.draw();
  };

  #key = (event: KeyboardEvent) => {
    const moves: Record<string, () => void> = {
      "+": () => this.#zoom(1.25),
      "=": () => this.#zoom(1.25),
      "-": () => this.#zoom(0.8),
      ArrowLeft: () => this.#pan(60, 0),
      ArrowRight: () => this.#pan(-60, 0),
      ArrowUp: () => this.#pan(0, 60),
      ArrowDown: () => this.#pan(0, -60),
      "0": () => {
        this.#isMoved = false;
        this.fit();
        this.draw();
      },
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  };

  #hover(at: { x: number; y: number }) {
    if (!this.#positions) return;
    const reach = this.#radius() + 4;
    let best = -1, nearest = reach * reach;
    for (let index = 0; index < this.#points.length; index++) {
      const [x, y] = this.#screen(index);
      const squared = (x - at.x) ** 2 + (y - at.y) ** 2;
      if (squared < nearest) [best, nearest] = [index, squared];
    }
    this.tip.hidden = best < 0;
    if (best < 0) return;
    const point = this.#points[best];
    this.tip.textContent = `${point.query} · ${compact(point.impressions)} · ${
      percent(point.coverage)
    } answered`;
    this.tip.style.left = `${Math.min(at.x + 14, this.canvas.clientWidth - 240)}px`;
    this.tip.style.top = `${at.y + 14}px`;
  }
}

/** Whether a point lies in a ring, by crossings of a ray. */
export function isInside(ring: { x: number; y: number }[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const a = ring[i], b = ring[j];
    if ((a.y > y) !== (b.y > y) && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) {
      inside = !inside;
    }
  }
  return inside;
}

/** The layout with its longer side along the canvas's: mirrored at the diagonal where it is not. Its axes mean nothing. */
function lieAs(positions: Float32Array, isWide: boolean): Float32Array {
  const spread = (from: number) => {
    let sum = 0, squares = 0;
    for (let index = from; index < positions.length; index += 2) {
      sum += positions[index];
      squares += positions[index] ** 2;
    }
    const count = positions.length / 2;
    return squares / count - (sum / count) ** 2;
  };
  if (spread(0) >= spread(1) === isWide) return positions;
  return positions.map((_, index) => positions[index ^ 1]);
}
