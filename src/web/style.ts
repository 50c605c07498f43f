/** The style of every page: system fonts, light and dark, tables that become cards on a narrow screen. */

const tokens = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --panel: #ffffff; --line: #dbe1e8; --text: #1a222c; --muted: #56626f; --link: #0b5cad;
  --ok: #12683a; --ok-back: #e2f3e9; --warn: #814600; --warn-back: #fdefd6; --bad: #a01c1a; --bad-back: #fde7e6;
  --busy: #1b4f94; --busy-back: #e4eefb; --calm: #47525e; --calm-back: #e9edf1; --code-back: #eef1f4;
  --plot-1: #2f74c0; --plot-2: #2f8f5b; --plot-3: #c2413d; --plot-4: #c98a1b;
  --radius: 8px; --gap: 1rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1319; --panel: #161d26; --line: #2b3744; --text: #e5eaf0; --muted: #9ba8b6; --link: #7db8ff;
    --ok: #82dca9; --ok-back: #11311f; --warn: #f4c471; --warn-back: #38290b; --bad: #ff9f99; --bad-back: #401a1b;
    --busy: #9fc9ff; --busy-back: #152f4d; --calm: #b3bec9; --calm-back: #25303c; --code-back: #202a35;
    --plot-1: #5d9fe8; --plot-2: #4fb482; --plot-3: #e5716c; --plot-4: #dba94a;
  }
}`;

const text = `
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; line-height: 1.3; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0 0 .5rem; }
p:last-child { margin-bottom: 0; }
a { color: var(--link); text-underline-offset: 2px; }
a.plain { color: inherit; text-decoration: none; }
a.plain:hover time { text-decoration: underline; }
code, pre, .mono { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--code-back); border-radius: 4px; padding: .1em .35em; overflow-wrap: anywhere; }
pre { background: var(--code-back); border-radius: 6px; padding: .75rem 1rem; margin: .5rem 0 1rem; overflow: auto; max-height: 32rem; }
pre:last-child { margin-bottom: 0; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
time, .nowrap { white-space: nowrap; }
.wrap { overflow-wrap: anywhere; }
.clip { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 15rem; }
.muted { color: var(--muted); font-size: .9rem; }
.faint { color: var(--muted); }
.small { display: block; color: var(--muted); font-size: .85rem; font-weight: 400; }
a .small { color: var(--muted); }
.line { display: block; }
.alarm { color: var(--bad); font-weight: 600; }
.away { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
`;

const frame = `
.wide, main { max-width: 1320px; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 1.25rem; padding-bottom: 3rem; }
main.narrow { max-width: 30rem; padding-top: 3rem; }
main.narrow h1 { margin-bottom: 1rem; }
.bar { background: var(--panel); border-bottom: 1px solid var(--line); }
.bar .wide { display: flex; align-items: center; gap: 1.25rem; min-height: 3.1rem; }
.brand { font-weight: 700; letter-spacing: .01em; }
.bar nav { flex: 1; }
.bar nav ul { display: flex; flex-wrap: wrap; gap: 0 .25rem; list-style: none; margin: 0; padding: 0; }
.bar nav a { display: block; padding: .3rem .55rem; border-radius: 6px; color: var(--muted); text-decoration: none; }
.bar nav a:hover { color: var(--text); text-decoration: underline; }
.bar nav a[aria-current] { color: var(--text); background: var(--calm-back); font-weight: 600; }
.skip { position: absolute; left: -100rem; z-index: 2; background: var(--panel); padding: .5rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; }
#content:focus { outline: none; }
.trail ol { display: flex; flex-wrap: wrap; list-style: none; margin: 0 0 .25rem; padding: 0; font-size: .9rem; }
.trail li::after { content: '›' / ''; color: var(--muted); margin: 0 .45rem; }
.trail a { display: inline-block; padding: .15rem 0; }
section { margin-top: 1.6rem; }
.panel, .needs > li { background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius); padding: .9rem 1.1rem; }
.titled { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; }
.asof { display: flex; flex-wrap: wrap; gap: 0 1rem; }
#live:not(:empty):not(.alarm)::before { content: '● ' / ''; color: var(--ok); }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 var(--gap); }
.columns > div { display: grid; }
.alert {
  background: var(--bad-back); color: var(--bad); border: 1px solid currentColor; border-radius: var(--radius);
  padding: .75rem 1rem; margin-bottom: 1rem;
}
.notice {
  background: var(--panel); border: 1px solid var(--line); border-left: 5px solid var(--warn); border-radius: var(--radius);
  padding: .75rem 1.1rem; margin-top: .75rem; overflow-wrap: anywhere;
}
.notice.bad { border-left-color: var(--bad); }
.needs { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.needs > li { border-left: 5px solid var(--bad); overflow-wrap: anywhere; }
.needs > li.warn { border-left-color: var(--warn); }
.needs .head { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .6rem; margin-bottom: .35rem; }
.todo { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; }
.fine { border-left: 5px solid var(--ok); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .6rem 1.5rem; margin: 0; }
.facts dt { color: var(--muted); font-size: .85rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts + pre { margin-top: 1rem; }
.state {
  display: inline-block; white-space: nowrap; font-size: .85rem; font-weight: 600; line-height: 1.35;
  border-radius: 5px; padding: .1rem .5rem; color: var(--calm); background: var(--calm-back); vertical-align: middle;
}
.state::before { content: '○'; content: '○' / ''; margin-right: .35em; }
.state.ok { color: var(--ok); background: var(--ok-back); }
.state.ok::before { content: '●'; content: '●' / ''; }
.state.warn { color: var(--warn); background: var(--warn-back); }
.state.warn::before { content: '▲'; content: '▲' / ''; }
.state.bad { color: var(--bad); background: var(--bad-back); }
.state.bad::before { content: '■'; content: '■' / ''; }
.state.busy { color: var(--busy); background: var(--busy-back); }
.state.busy::before { content: '◐'; content: '◐' / ''; }
h1 .state { margin-left: .35rem; }
.changes { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.after { margin-top: 1rem; }
.pages { display: flex; gap: 1.25rem; margin-top: 1rem; }
.pages:empty { display: none; }
.panel > ul.plain { list-style: none; margin: 0 0 .75rem; padding: 0; display: grid; gap: .4rem; }
ol.steps { padding-left: 1.25rem; margin: 0; }
ol.steps li { margin-bottom: .5rem; }
summary { cursor: pointer; color: var(--link); padding: .2rem 0; width: fit-content; }
details > .table, details > div > .table { margin-top: .5rem; }
`;

const forms = `
button, .button {
  display: inline-block; font: inherit; font-weight: 600; color: var(--panel); background: var(--link);
  border: 1px solid var(--link); border-radius: 6px; padding: .35rem .85rem; cursor: pointer; text-decoration: none;
}
.form button { padding: .5rem 1rem; }
button:hover, .button:hover { filter: brightness(1.08); }
button.quiet, .button.quiet { color: var(--text); background: var(--panel); border-color: var(--line); font-weight: 400; }
.bar button.quiet { padding: .25rem .7rem; background: none; }
button.quiet:hover, .button.quiet:hover { border-color: var(--muted); filter: none; }
button.danger, .button.danger { background: var(--bad); border-color: var(--bad); }
.actions { margin-top: .9rem; }
.actions ul { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; margin: 0 0 .5rem; padding: 0; }
.form label { display: block; font-weight: 600; margin-bottom: .35rem; }
.form input[type='password'], td input[type='text'] {
  width: 100%; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--muted);
  border-radius: 6px; padding: .55rem .7rem; margin-bottom: .5rem;
}
.form p { margin-bottom: 1rem; }
td input[type='text'] { padding: .35rem .6rem; margin: 0; min-width: 8rem; }
.filters { display: flex; flex-wrap: wrap; align-items: end; gap: .6rem 1rem; margin: .9rem 0 1rem; }
.filters label { display: grid; gap: .15rem; color: var(--muted); font-size: .9rem; }
.filters .tick { display: flex; align-items: center; gap: .4rem; min-height: 2.25rem; }
.filters select, .filters input[type='text'] {
  font: inherit; color: var(--text); background: var(--panel); border: 1px solid var(--muted); border-radius: 6px;
  padding: .3rem .6rem; min-height: 2.25rem; min-width: 12rem; max-width: 100%;
}
.filters button { min-height: 2.25rem; border-color: var(--muted); }
`;

const tables = `
.table { background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius); overflow: hidden; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding: .6rem 1.1rem; color: var(--muted); font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem; border-top: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 1.1rem; }
th:last-child, td:last-child { padding-right: 1.1rem; }
thead th { font-size: .85rem; font-weight: 600; color: var(--muted); white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
tbody th.mono { font-weight: 400; }
tbody tr:hover { background: color-mix(in srgb, var(--ground) 55%, transparent); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.number .small { white-space: normal; }
td.roomy { overflow-wrap: anywhere; }
td.number.roomy > div { max-width: 24rem; margin-left: auto; }
.error { border-top: 0; padding-top: 0; font-size: .9rem; overflow-wrap: anywhere; }
.error code { color: var(--bad); background: var(--bad-back); }
tr.pause td.error { border-top: 1px solid var(--line); padding-top: .45rem; }
tr.pause td.error code { color: inherit; background: var(--code-back); }
`;

const plots = `
.plots { display: grid; grid-template-columns: 1fr 1fr; gap: var(--gap); margin-bottom: .6rem; }
.switch { display: flex; gap: .25rem; flex: 1; }
.switch a { padding: .1rem .55rem; border-radius: 6px; color: var(--muted); text-decoration: none; }
.switch a:hover { color: var(--text); text-decoration: underline; }
.switch a[aria-current] { color: var(--text); background: var(--calm-back); font-weight: 600; }
.plots figure { margin: 0; min-width: 0; overflow: hidden; }
.plots figcaption { font-weight: 600; font-size: .9rem; margin-bottom: .4rem; }
.plots [data-plot] { min-height: 200px; }
.u-legend { font-size: .85rem; pointer-events: none; }
.u-legend th, .u-legend td { border: 0; padding: 0 .15rem; font-weight: 400; }
.u-legend .u-series:hover { background: none; }
@media (max-width: 900px) { .plots, .columns { grid-template-columns: 1fr; } }
`;

const narrow = `
@media (max-width: 760px) {
  .wide, main { padding-left: 1rem; padding-right: 1rem; }
  .bar .wide { flex-wrap: wrap; gap: .25rem 1rem; padding-top: .5rem; padding-bottom: .5rem; }
  .bar nav { order: 3; flex: 1 0 100%; margin: 0 -.45rem; }
  .bar nav a { padding: .25rem .45rem; font-size: .93rem; }
  .bar form { margin-left: auto; }
  .table table, .table caption, .table tbody, .table tr, .table th, .table td { display: block; }
  .table thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .table tbody tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
  .table tbody tr { border-top: 1px solid var(--line); padding: .65rem 1rem; }
  .table tbody tr.more { border-top: 0; padding-top: 0; margin-top: -.35rem; }
  .table tbody th, .table tbody td { grid-column: 1 / -1; }
  .table tbody td.number { grid-column: auto; }
  .table tbody td.roomy { grid-column: 1 / -1; }
  .table caption { padding: .65rem 1rem; }
  .table tbody th, .table tbody td, .table tbody tr.pause td { border: 0; padding: .12rem 0; }
  .table tbody td { display: flex; justify-content: space-between; gap: 1rem; text-align: right; }
  .table tbody td > div { min-width: 0; }
  .table tbody td::before { content: attr(data-label); flex: none; max-width: 60%; color: var(--muted); text-align: left; font-size: .9rem; }
  .table tbody td.error { display: block; text-align: left; }
  .table tbody td.error::before { content: none; }
  .number { white-space: normal; }
  .facts { grid-template-columns: 1fr 1fr; }
  .filters label:not(.tick), .filters select, .filters input[type='text'] { width: 100%; }
}
@media (prefers-reduced-motion: no-preference) { a, button, .button { transition: color .1s, border-color .1s; } }
`;

export const style = [tokens, text, frame, forms, tables, plots, narrow].join('');
