"""The study page's style sheet: one question a screen, in the colours of the reports."""

PAGE_STYLE = """
.study { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
.study h1 { font-size: 1.5rem; }
.study h2:focus { outline: none; }
.study h2 { border: 0; padding: 0; margin: 1.2rem 0 .6rem; font-size: 1.15rem; }
[hidden] { display: none !important; }
button, .file, select {
  font: inherit; color: var(--ink); background: var(--sheet); border: 1px solid var(--quiet); border-radius: 8px;
  padding: .55rem 1.1rem; min-height: 2.75rem; cursor: pointer;
}
button.main { background: var(--accent); border-color: var(--accent); color: var(--paper); font-weight: 600; }
button[aria-disabled="true"] { background: var(--sheet); color: var(--quiet); border-style: dashed; cursor: default; }
button:focus-visible, input:focus-visible, select:focus-visible, .file:focus-within {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: .8rem 0; }
.player { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px; padding: 1rem; }
.player progress { flex: 1 1 10rem; height: .6rem; accent-color: var(--accent); }
.progress { width: 100%; height: .5rem; accent-color: var(--accent); }
fieldset { border: 0; padding: 0; margin: 1.3rem 0 0; min-width: 0; }
legend { font-weight: 600; padding: 0; margin-bottom: .4rem; }
.choices { display: flex; flex-wrap: wrap; gap: .5rem; }
.choices label {
  display: flex; align-items: center; gap: .5rem; border: 1px solid var(--rule); border-radius: 8px;
  background: var(--sheet); padding: .45rem .9rem .45rem .6rem; min-height: 2.75rem; cursor: pointer;
}
.choices label:has(input:checked) { border-color: var(--accent); background: var(--tint); font-weight: 600; }
.choices input { accent-color: var(--accent); width: 1.15rem; height: 1.15rem; margin: 0; }
.ends { display: flex; justify-content: space-between; color: var(--quiet); font-size: .85rem; max-width: 22rem; }
.machine { border-left: 3px solid var(--accent); padding-left: .9rem; margin: 1rem 0 0; }
.file input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.file { position: relative; display: inline-flex; align-items: center; }
kbd { border: 1px solid var(--rule); border-radius: 4px; padding: 0 .3rem; font-size: .85em; }
.say { min-height: 1.5rem; color: var(--alert); }
"""
