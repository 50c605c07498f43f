/** The style of every page: system fonts, light and dark, tables that become cards on a narrow screen. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --panel: #ffffff; --line: #d7dde4; --text: #1a222c; --muted: #56626f; --link: #0b5cad;
  --ok: #12683a; --ok-back: #e2f3e9; --warn: #814600; --warn-back: #fdefd6; --bad: #a01c1a; --bad-back: #fde7e6;
  --busy: #1b4f94; --busy-back: #e4eefb; --calm: #47525e; --calm-back: #e9edf1; --code-back: #eef1f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1319; --panel: #161d26; --line: #2b3744; --text: #e5eaf0; --muted: #9ba8b6; --link: #7db8ff;
    --ok: #82dca9; --ok-back: #11311f; --warn: #f4c471; --warn-back: #38290b; --bad: #ff9f99; --bad-back: #401a1b;
    --busy: #9fc9ff; --busy-back: #152f4d; --calm: #b3bec9; --calm-back: #25303c; --code-back: #202a35;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; line-height: 1.3; margin: 0 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0 0 .5rem; }
p:last-child { margin-bottom: 0; }
a { color: var(--link); text-underline-offset: 2px; }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--code-back); border-radius: 4px; padding: .1em .35em; overflow-wrap: anywhere; }
pre { background: var(--code-back); border-radius: 6px; padding: .75rem 1rem; margin: .5rem 0 1rem; overflow-x: auto; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.muted { color: var(--muted); font-size: .9rem; }
.wide, main { max-width: 1280px; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 1.5rem; padding-bottom: 3rem; }
main.narrow { max-width: 30rem; padding-top: 3rem; }
main.narrow h1 { margin-bottom: 1rem; }
.bar { background: var(--panel); border-bottom: 1px solid var(--line); }
.bar .wide { display: flex; align-items: center; gap: 1.25rem; min-height: 3.25rem; }
.brand { font-weight: 700; letter-spacing: .01em; }
.bar nav { flex: 1; }
.bar nav ul { display: flex; flex-wrap: wrap; gap: 0 .25rem; list-style: none; margin: 0; padding: 0; }
.bar nav a { display: block; padding: .3rem .55rem; border-radius: 6px; color: var(--muted); text-decoration: none; }
.bar nav a:hover { color: var(--text); text-decoration: underline; }
.bar nav a[aria-current] { color: var(--text); background: var(--calm-back); font-weight: 600; }
.skip { position: absolute; left: -100rem; z-index: 2; background: var(--panel); padding: .5rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; }
#content:focus { outline: none; }
.panel, .needs > li {
  background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem;
}
section { margin-top: 2rem; }
.titled { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; }
.alert {
  background: var(--bad-back); color: var(--bad); border: 1px solid currentColor; border-radius: 8px;
  padding: .75rem 1rem; margin-bottom: 1rem;
}
.form label { display: block; font-weight: 600; margin-bottom: .35rem; }
.form input[type='password'], td input[type='text'] {
  width: 100%; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--muted);
  border-radius: 6px; padding: .55rem .7rem; margin-bottom: .5rem;
}
.form p { margin-bottom: 1rem; }
button {
  font: inherit; font-weight: 600; color: var(--panel); background: var(--link); border: 1px solid var(--link);
  border-radius: 6px; padding: .5rem 1rem; cursor: pointer;
}
button.quiet { color: var(--text); background: none; border-color: var(--line); font-weight: 400; padding: .3rem .75rem; }
.needs { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; }
.needs > li { border-left: 5px solid var(--bad); }
.needs > li.warn { border-left-color: var(--warn); }
.needs .head { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .6rem; margin-bottom: .35rem; }
.fine { border-left: 5px solid var(--ok); }
.state {
  display: inline-block; white-space: nowrap; font-size: .85rem; font-weight: 600; line-height: 1.35;
  border-radius: 5px; padding: .1rem .5rem; color: var(--calm); background: var(--calm-back);
}
.state.ok { color: var(--ok); background: var(--ok-back); }
.state.warn { color: var(--warn); background: var(--warn-back); }
.state.bad { color: var(--bad); background: var(--bad-back); }
.state.busy { color: var(--busy); background: var(--busy-back); }
.table { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding: .75rem 1.25rem; color: var(--muted); font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .6rem .75rem; border-top: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 1.25rem; }
th:last-child, td:last-child { padding-right: 1.25rem; }
thead th { font-size: .85rem; font-weight: 600; color: var(--muted); white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.number .small { white-space: normal; }
td.roomy > div { max-width: 24rem; margin-left: auto; }
time, .nowrap { white-space: nowrap; }
.small { display: block; color: var(--muted); font-size: .85rem; font-weight: 400; }
.error { border-top: 0; padding-top: 0; font-size: .9rem; overflow-wrap: anywhere; }
.error code { color: var(--bad); background: var(--bad-back); }
.alarm { color: var(--bad); font-weight: 600; }
td input[type='text'] { padding: .35rem .6rem; margin: 0; min-width: 8rem; }
.after { margin-top: 1rem; }
.pages { display: flex; gap: 1.25rem; margin-top: 1rem; }
.panel > ul.plain { list-style: none; margin: 0 0 .75rem; padding: 0; display: grid; gap: .4rem; }
ol.steps { padding-left: 1.25rem; margin: 0; }
ol.steps li { margin-bottom: .5rem; }
@media (max-width: 760px) {
  .wide, main { padding-left: 1rem; padding-right: 1rem; }
  .bar .wide { flex-wrap: wrap; gap: .25rem 1rem; padding-top: .5rem; padding-bottom: .5rem; }
  .bar nav { order: 3; flex: 1 0 100%; margin: 0 -.45rem; }
  .bar nav a { padding: .25rem .45rem; font-size: .93rem; }
  .bar form { margin-left: auto; }
  table, caption, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  tbody tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
  tbody tr { border-top: 1px solid var(--line); padding: .75rem 1rem; }
  tbody tr.more { border-top: 0; padding-top: 0; margin-top: -.35rem; }
  tbody th, tbody td { grid-column: 1 / -1; }
  tbody td.number { grid-column: auto; }
  tbody td.roomy { grid-column: 1 / -1; }
  caption { padding: .75rem 1rem; }
  tbody th, tbody td, tbody th:first-child, tbody td:first-child, tbody td:last-child { border: 0; padding: .15rem 0; }
  tbody td { display: flex; justify-content: space-between; gap: 1rem; text-align: right; }
  tbody td::before { content: attr(data-label); color: var(--muted); text-align: left; font-size: .9rem; }
  tbody td.error { display: block; text-align: left; }
  tbody td.error::before { content: none; }
  .number { white-space: normal; }
}
`;
