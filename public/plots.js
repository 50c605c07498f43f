/** Draws the plots of the overview: stacked bars, one for each hour. The same numbers stand in a table below them. */
/* global uPlot */
(() => {
  const home = document.getElementById('plots');
  if (home === null) return;
  const HEIGHT = 200;
  /** milliseconds between two readings at least */
  const PACE = 30_000;
  /** milliseconds until hours that are still being added up are asked for again */
  const AGAIN = 3_000;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const kinds = {
    records: [
      ['added', 'Added', '--plot-1'],
      ['updated', 'Updated', '--plot-2'],
      ['deleted', 'Deleted', '--plot-3'],
    ],
    runs: [
      ['succeeded', 'Succeeded', '--plot-2'],
      ['partial', 'Partial, held', '--plot-4'],
      ['failed', 'Failed', '--plot-3'],
    ],
  };
  const number = new Intl.NumberFormat('en-GB');
  const short = new Intl.NumberFormat('en-GB', { notation: 'compact' });
  let hours = [];
  let plots = [];
  let readAt = 0;

  const draw = () => {
    for (const plot of plots) plot.destroy();
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    plots = [...home.querySelectorAll('[data-plot]')].map((place) => {
      const series = kinds[place.getAttribute('data-plot')];
      const times = hours.map(({ at }) => Date.parse(at) / 1000);
      const values = series.map(([field]) => hours.map((hour) => hour[field]));
      // the upper bar is drawn first, as high as all below it together
      const stacked = values.map((_, index) =>
        times.map((_time, at) => values.slice(0, index + 1).reduce((sum, one) => sum + one[at], 0)),
      );
      const order = series.map((_, index) => index).reverse();
      const axis = { stroke: colour('--muted'), font: '12px system-ui, sans-serif' };
      place.setAttribute('role', 'img');
      place.setAttribute('aria-label', 'Plot by hour; the same numbers stand in the table below');
      return new uPlot(
        {
          width: place.clientWidth,
          height: HEIGHT,
          tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
          scales: { x: { range: (_plot, from, to) => [from - 1800, to + 1800] }, y: { range: rangeOf } },
          cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
          series: [
            { label: 'Hour', value: '{YYYY}-{MM}-{DD} {HH}:00' },
            ...order.map((index) => ({
              label: series[index][1],
              fill: colour(series[index][2]),
              stroke: colour(series[index][2]),
              width: 0,
              paths: uPlot.paths.bars({ size: [0.75, 40], align: 0 }),
              points: { show: false },
              value: (_plot, _sum, _series, at) => (at === null ? '–' : number.format(values[index][at])),
            })),
          ],
          axes: [
            { ...axis, grid: { show: false }, ticks: { stroke: colour('--line') }, values: hourLabels },
            {
              ...axis,
              size: 56,
              grid: { stroke: colour('--line'), width: 1 },
              ticks: { show: false },
              incrs: [
                1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7,
                1e8,
              ],
              values: (_plot, ticks) => ticks.map((tick) => short.format(tick)),
            },
          ],
        },
        [times, ...order.map((index) => stacked[index])],
        place,
      );
    });
  };

  const rangeOf = (_plot, _from, to) => [0, Math.max(4, Math.ceil((to ?? 0) * 1.1))];
  const hourLabels = (_plot, ticks) =>
    ticks.map((tick) => {
      const [day, hour] = new Date(tick * 1000).toISOString().split('T');
      return hour.startsWith('00') ? day.slice(5) : hour.slice(0, 5);
    });

  const read = async () => {
    if (Date.now() - readAt < PACE) return;
    readAt = Date.now();
    const path = `/activity?hours=${encodeURIComponent(home.getAttribute('data-hours'))}`;
    const answer = await fetch(path, { headers: { accept: 'application/json' } });
    if (!answer.ok) return;
    const lately = await answer.json();
    hours = lately.hours;
    home.hidden = false;
    draw();
    if (lately.missing === 0) return document.getElementById('missing')?.remove();
    readAt = 0;
    setTimeout(start, AGAIN);
  };

  const start = () => void read().catch(() => undefined);
  dark.addEventListener('change', draw);
  document.addEventListener('sluice:read', start);
  new ResizeObserver(() => {
    for (const plot of plots) plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT });
  }).observe(home);
  start();
})();
