/**
 * The heat map, drawn on a canvas of its own with the gutters of the line charts, so that a second stands above the same
 * second. Counts are coloured on a logarithmic scale: the few slow requests matter as much as the many fast ones.
 */
import type { HeatMap } from '../report/chart.ts';
import { heatSteps } from '../report/palette.ts';
import { quantity } from '../result/quantity.ts';
import { axisFont, gutter, keepDrawn, logarithmicTicks, secondsStep } from './chart-frame.ts';
import { make } from './element.ts';
import { colour, theme } from './page.ts';

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface At {
  readonly column: number;
  readonly row: number;
}

export function drawHeatMap(host: HTMLElement, map: HeatMap): void {
  const canvas = make('canvas');
  host.append(canvas);
  const most = Math.max(1, ...map.columns.flat());
  const { ramp, output } = addRamp(host, most);
  let area: Area = { left: 0, top: 0, width: 1, height: 1 };
  keepDrawn(host, () => {
    area = draw(canvas, { host, map, most });
    ramp.style.background = `linear-gradient(90deg, ${heatSteps[theme()].join(', ')})`;
  });
  let at: At | undefined;
  const show = (cell: At | undefined): void => {
    at = cell;
    output.textContent = cell === undefined ? '' : describe(map, cell);
  };
  canvas.addEventListener('pointermove', (event) => show(cellAt(map, area, event)));
  canvas.addEventListener('pointerleave', () => show(undefined));
  host.addEventListener('keydown', (event) => {
    const next = moved(map, at ?? { column: -1, row: 0 }, event.key);
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  });
}

interface Drawing {
  readonly host: HTMLElement;
  readonly map: HeatMap;
  readonly most: number;
}

function draw(canvas: HTMLCanvasElement, { host, map, most }: Drawing): Area {
  const [width, height] = [host.clientWidth, Number(host.dataset['height'])];
  const area = {
    left: gutter.left,
    top: gutter.top,
    width: Math.max(width - gutter.left - gutter.right, 1),
    height: height - gutter.top - gutter.bottom,
  };
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (context === null) return area;
  context.scale(scale, scale);
  drawCells(context, area, { host, map, most });
  drawAxes(context, area, map);
  return area;
}

function drawCells(context: CanvasRenderingContext2D, area: Area, { map, most }: Drawing): void {
  const { columns, edgesUs, secondsPerColumn, secondsMax } = map;
  const columnWidth = (area.width * secondsPerColumn) / secondsMax;
  // Whole pixels, so that no seams show between neighbours.
  const leftOf = (column: number): number => area.left + Math.round(column * columnWidth);
  const topOf = (row: number): number => area.top + Math.round(area.height * (1 - row / (edgesUs.length - 1)));
  // A gap between cells only where they are big enough to have one.
  const gap = columnWidth > 6 ? 1 : 0;
  for (const [column, counts] of columns.entries()) {
    for (const [row, count] of counts.entries()) {
      if (count === 0) continue;
      context.fillStyle = heat(most === 1 ? 1 : Math.log(count) / Math.log(most));
      const [left, top] = [leftOf(column), topOf(row + 1)];
      context.fillRect(left, top, leftOf(column + 1) - left - gap, topOf(row) - top - gap);
    }
  }
}

function drawAxes(context: CanvasRenderingContext2D, area: Area, { edgesUs, secondsMax }: HeatMap): void {
  const [low, high] = [edgesUs[0] ?? 1, edgesUs.at(-1) ?? 10];
  const bottom = area.top + area.height;
  context.font = axisFont;
  context.fillStyle = colour('quiet');
  context.strokeStyle = colour('line');
  context.lineWidth = 1;
  const mark = (x: number, y: number, [dx, dy]: readonly [number, number]): void => {
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
    context.lineTo(Math.round(x + dx) + 0.5, Math.round(y + dy) + 0.5);
    context.stroke();
  };
  mark(area.left, bottom, [area.width, 0]);
  mark(area.left, area.top, [0, area.height]);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const tick of logarithmicTicks(low, high)) {
    const y = bottom - (area.height * Math.log(tick / low)) / Math.log(high / low);
    mark(area.left - 5, y, [5, 0]);
    context.fillText(quantity(tick, 'latency'), area.left - 9, y);
  }
  context.textAlign = 'center';
  context.textBaseline = 'top';
  const step = secondsStep(secondsMax, area.width);
  for (let second = 0; second <= secondsMax; second += step) {
    const x = area.left + (area.width * second) / secondsMax;
    mark(x, bottom, [0, 5]);
    context.fillText(quantity(second, 'seconds'), x, bottom + 10);
  }
}

/** The colour for a share from 0 (one request) to 1 (the most in any cell), mixed between the steps. */
function heat(share: number): string {
  const steps = heatSteps[theme()];
  const place = Math.min(Math.max(share, 0), 1) * (steps.length - 1);
  const [low, high] = [steps[Math.floor(place)] ?? '#000000', steps[Math.ceil(place)] ?? '#000000'];
  const mixed = [1, 3, 5].map((at) => {
    const [from, to] = [low, high].map((text) => Number.parseInt(text.slice(at, at + 2), 16));
    return Math.round((from ?? 0) + ((to ?? 0) - (from ?? 0)) * (place % 1));
  });
  return `rgb(${mixed.join(' ')})`;
}

function addRamp(host: HTMLElement, most: number): { ramp: HTMLElement; output: HTMLOutputElement } {
  const ramp = make('i');
  const output = make('output');
  host.after(make('div', { className: 'ramp' }, '1', ramp, `${quantity(most, 'count')} requests`, output));
  return { ramp, output };
}

function cellAt(
  { columns, edgesUs, secondsMax, secondsPerColumn }: HeatMap,
  area: Area,
  event: PointerEvent,
): At | undefined {
  const rows = edgesUs.length - 1;
  const column = Math.floor(((event.offsetX - area.left) / area.width) * (secondsMax / secondsPerColumn));
  const row = rows - 1 - Math.floor(((event.offsetY - area.top) / area.height) * rows);
  return column >= 0 && column < columns.length && row >= 0 && row < rows ? { column, row } : undefined;
}

function moved({ columns, edgesUs }: HeatMap, { column, row }: At, key: string): At | undefined {
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  const move = moves[key];
  if (move === undefined) return undefined;
  return {
    column: Math.min(Math.max(column + move[0], 0), columns.length - 1),
    row: Math.min(Math.max(row + move[1], 0), edgesUs.length - 2),
  };
}

function describe({ columns, edgesUs, secondsPerColumn }: HeatMap, { column, row }: At): string {
  const count = columns[column]?.[row] ?? 0;
  const [from, to] = [quantity(edgesUs[row], 'latency'), quantity(edgesUs[row + 1], 'latency')];
  const until = quantity((column + 1) * secondsPerColumn, 'seconds');
  return `${quantity(count, 'count')} requests with ${from} to ${to} in the ${secondsPerColumn} s until ${until}`;
}
