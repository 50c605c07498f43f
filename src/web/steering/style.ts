/** What forms and confirmations need beyond the style of every page. */
export const steeringStyle = `
main > h1 { margin-bottom: 1rem; }
.form input:not([type='checkbox'], [type='radio'], [type='hidden']), .form select, .filter input, .filter select {
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--muted); border-radius: 6px;
  padding: .5rem .7rem; width: 100%; max-width: 34rem; margin-bottom: .25rem;
}
.form .field { margin-bottom: 1.25rem; }
.form .field p { margin: 0; }
.form fieldset { border: 0; padding: 0; margin: 0 0 1.5rem; min-width: 0; }
.form .field { overflow-wrap: anywhere; }
.form legend { font-size: 1.1rem; font-weight: 600; padding: 0; margin-bottom: .75rem; }
.form .choice { display: flex; gap: .5rem; align-items: baseline; margin-bottom: .35rem; }
.form .choice label { font-weight: 400; margin: 0; }
.form .field details, .form .field > .choice { margin-top: .75rem; }
.form details > .choice { margin: .75rem 0; }
.form .wrong { color: var(--bad); font-weight: 600; }
.form [aria-invalid] { border-color: var(--bad); border-width: 2px; }
.choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0 1rem; margin-top: .5rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center; margin-top: 1.25rem; }
a.button {
  display: inline-block; font-weight: 600; color: var(--panel); background: var(--link); border: 1px solid var(--link);
  border-radius: 6px; padding: .5rem 1rem; text-decoration: none;
}
a.button.plain { color: var(--link); background: none; }
button.danger { background: var(--bad); border-color: var(--bad); }
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin-bottom: 1rem; }
.filter label { display: block; font-size: .9rem; color: var(--muted); }
.filter input, .filter select { margin: 0; min-height: 2.6rem; width: auto; min-width: 11rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 0; }
dl.facts dt { color: var(--muted); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
pre.payload { max-height: 32rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.cards { list-style: none; padding: 0; margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }
ul.says { margin: 0 0 .75rem; padding-left: 1.25rem; }
ul.says.after { margin-top: 1rem; }
ul.says li { margin-bottom: .35rem; }
@media (max-width: 480px) { dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .5rem; } }
`;
