"""The report page's style sheet: one column of paper, quiet rules, numbers that line up."""

STYLE = """
:root {
  --paper: #fbfaf7; --sheet: #ffffff; --ink: #20262d; --quiet: #5b6570; --rule: #dcd8cf; --accent: #135e68;
  --alert: #9a3412; --tint: #e8f1f1; --up: #2a8a96; --down: #c77a2c;
  --line-1: #135e68; --line-2: #a8561a; --line-3: #6b5b95; --line-4: #7a7f2a; --line-5: #8f3b52; --line-6: #5b6570;
  color-scheme: light dark;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --sheet: #1b1f23; --ink: #e8e4da; --quiet: #a3abb3; --rule: #363c43; --accent: #7cc7cf;
    --alert: #f0a070; --tint: #1d3134; --up: #1f7a86; --down: #8f5417;
    --line-1: #7cc7cf; --line-2: #e0a063; --line-3: #b3a4e0; --line-4: #c5c96b; --line-5: #e294aa; --line-6: #a3abb3;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
.page { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1, h2, h3 {
  font-family: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "DejaVu Serif", serif;
  font-weight: 600; line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere;
}
h1 { font-size: 2rem; margin: 0 0 .75rem; }
h2 { font-size: 1.4rem; margin: 3.25rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .35rem; }
p { margin: 0 0 .6rem; max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .15em; }
a:focus-visible, audio:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px;
}
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--sheet); padding: .4rem .8rem; }
.kicker {
  color: var(--quiet); font-size: .82rem; letter-spacing: .08em; text-transform: uppercase; margin: 0 0 .4rem;
}
.lead { font-size: 1.08rem; }
.caption, .quiet { color: var(--quiet); font-size: .88rem; }
nav ul {
  list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.25rem; margin: 1.1rem 0 0; padding: 0;
  font-size: .92rem;
}
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(9.6rem, 1fr)); gap: .6rem; margin: 1.1rem 0 .4rem;
  padding: 0;
}
.tile {
  background: var(--sheet); border: 1px solid var(--rule); border-radius: 8px; padding: .65rem .85rem .7rem;
  margin: 0;
}
.tile dt { color: var(--quiet); font-size: .84rem; }
.tile dd { margin: 0; font-size: .77rem; color: var(--quiet); }
.tile dd.value { font-size: 1.5rem; line-height: 1.25; color: var(--ink); font-variant-numeric: tabular-nums; }
.value small { font-size: .95rem; color: var(--quiet); }
.notes { border-left: 3px solid var(--alert); padding: .1rem 0 .1rem .9rem; margin: 1rem 0 0; }
.notes h2 { all: unset; display: block; font-weight: 600; font-size: .92rem; color: var(--alert); }
.notes ul { margin: .2rem 0 0; padding-left: 1.1rem; font-size: .88rem; line-height: 1.45; max-width: 46rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1.6rem; }
table {
  border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums lining-nums;
  min-width: min(100%, 42rem);
}
thead th {
  border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); font-weight: 600;
  vertical-align: bottom;
}
th, td { padding: .38rem .8rem .38rem 0; text-align: left; vertical-align: top; }
th:last-child, td:last-child { padding-right: .2rem; }
th.number, td.number { text-align: right; padding-left: .8rem; }
th .unit { font-weight: 400; color: var(--quiet); white-space: nowrap; }
tbody th { font-weight: 400; }
tbody tr.first > * { border-top: 1px solid var(--rule); }
tbody { border-bottom: 2px solid var(--ink); }
tbody tr.strong > *:not([rowspan]) { background: var(--tint); font-weight: 600; }
td .range { display: block; font-size: .76rem; font-weight: 400; color: var(--quiet); white-space: nowrap; }
td .count { padding-left: .35em; }
td .count.partial { color: var(--alert); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.75rem 2rem; }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; }
.figures.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
.tiled { --tile: var(--up); min-width: 0; border-spacing: 2px; border-collapse: separate; }
.tiled thead th, .tiled thead td { border: 0; text-align: center; padding: .1rem .6rem; }
.tiled th, .tiled td { padding: .3rem .7rem; }
.tiled thead th[scope="colgroup"], .tiled .corner { color: var(--quiet); font-weight: 400; text-align: center; }
.tiled .corner, .tiled tbody th { text-align: right; vertical-align: middle; padding-left: 0; }
.tiled tbody { border: 0; }
.tiled tbody td { min-width: 4.4rem; text-align: center; border-radius: 3px; -webkit-print-color-adjust: exact; }
.tiled tbody td { print-color-adjust: exact; }
.tiled.narrow :is(th, td) { padding-inline: .3rem; }
.tiled.narrow tbody td { min-width: 2.9rem; }
.tiled td.apart { border-left: .5rem solid var(--paper); }
.tiled .below { --tile: var(--down); }
.tiled .right { outline: 1px solid var(--ink); outline-offset: -1px; }
.tiled .empty { color: var(--quiet); }
.tiled .basis { display: block; font-size: .76rem; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.summary { display: grid; grid-template-columns: minmax(0, 1fr); gap: .5rem 2.5rem; }
.summary .lead { font-size: 1.02rem; }
.summary figure h2 { font-size: 1.08rem; margin: 0 0 .35rem; padding: 0; border: 0; }
@media (min-width: 60rem) {
  .summary { grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); }
  .page > header { margin-top: -.75rem; }
}
figcaption h3 { margin-top: 0; }
.example {
  display: grid; grid-template-columns: minmax(15rem, 21rem) 1fr; gap: .5rem 2rem; padding: 1.1rem 0;
  border-top: 1px solid var(--rule);
}
.example h3 { margin-top: 0; }
.example dl {
  display: grid; grid-template-columns: auto 1fr; gap: .1rem .9rem; margin: .6rem 0; font-size: .88rem;
  font-variant-numeric: tabular-nums;
}
.example dt { color: var(--quiet); }
.example dd { margin: 0; overflow-wrap: anywhere; }
.player { margin: .45rem 0; }
.player span { display: block; font-size: .84rem; color: var(--quiet); }
audio { width: 100%; height: 2.3rem; display: block; }
.mark { padding-left: .15em; }
section:not(.live) #items-list > p, section:not(.live) #items-more { display: none; }
#items-search {
  font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--quiet); border-radius: 4px;
  padding: .2rem .5rem;
}
#items-table { font-size: .84rem; }
.scroll.tall { max-height: 75vh; overflow-y: auto; }
.tall thead th { position: sticky; top: 0; background: var(--paper); }
#items-table tbody th { white-space: nowrap; padding-right: 1.2rem; }
#items-table tbody :is(th, td) { padding-block: .22rem; }
#items-table td { white-space: nowrap; }
#items-table button, #items-more { font: inherit; color: inherit; cursor: pointer; }
#items-table button { all: unset; cursor: pointer; text-decoration: underline dotted; text-underline-offset: .2em; }
#items-more { background: var(--sheet); border: 1px solid var(--quiet); border-radius: 4px; padding: .25rem .8rem; }
[aria-sort="ascending"] button::after { content: " \\25B4"; }
[aria-sort="descending"] button::after { content: " \\25BE"; }
button:focus-visible, input:focus-visible, #items-table button:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px;
}
details { margin: 1rem 0; }
summary { cursor: pointer; }
.provenance { font-size: .84rem; display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .15rem 1.2rem; }
.provenance dt { color: var(--quiet); }
.provenance dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 44rem) {
  .page { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.55rem; }
  .example { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; }
  .tile { padding: .6rem .7rem; }
  .tile dd.value { font-size: 1.3rem; }
}
@page { margin: 15mm 14mm; }
@media print {
  :root { --paper: #fff; --sheet: #fff; }
  body { font-size: 10.5pt; }
  .page { max-width: none; padding: 0; }
  nav, .player, .skip, section:has(#items-list) { display: none; }
  .figures, .summary { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figures.small { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .tiled { font-size: .8rem; }
  .tiled tbody td { min-width: 0; padding: .2rem .4rem; }
  .scroll { overflow: visible; }
  .example { grid-template-columns: 15rem minmax(0, 1fr); }
  figure, .example, .tile, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""
