"""The list of all utterances in the page: sorted and searched by a small script, a hundred rows at a time."""

import base64
import hashlib
import json
from html import escape

from merit_cli.reports.report import Items
from merit_cli.reports.tables import decimals_of, format_heading

ROWS_AT_A_TIME = 100
MAX_BYTES = 2_500_000
"""Of the list; longer ones are cut at the end and the page says so."""

SCRIPT = """
(() => {
  const data = JSON.parse(document.getElementById('items-data').textContent);
  const body = document.getElementById('items-body'), more = document.getElementById('items-more');
  const search = document.getElementById('items-search'), count = document.getElementById('items-count');
  const heads = [...document.querySelectorAll('#items-table thead button')];
  let order = data.rows.map((_, i) => i), shown = data.step, sorted = -1, down = false;
  const text = (v, c) => v === null ? '\\u2013'
    : typeof v === 'number' ? v.toFixed(data.decimals[c]).replace('-', '\\u2212') : v;
  const haystack = data.rows.map(r => r.filter(v => typeof v === 'string').join(' ').toLowerCase());
  const draw = () => {
    body.replaceChildren(...order.slice(0, shown).map(i => {
      const tr = document.createElement('tr');
      data.rows[i].forEach((v, c) => {
        const cell = document.createElement(c ? 'td' : 'th');
        if (!c) cell.scope = 'row';
        if (data.numeric[c]) cell.className = 'number';
        cell.textContent = text(v, c);
        tr.append(cell);
      });
      return tr;
    }));
    more.hidden = shown >= order.length;
    count.textContent = `${Math.min(shown, order.length)} of ${order.length} shown`;
  };
  const select = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    order = data.rows.map((_, i) => i).filter(i => words.every(w => haystack[i].includes(w)));
    if (sorted >= 0) {
      const key = i => data.rows[i][sorted];
      order.sort((a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return (x < y ? -1 : x > y ? 1 : a - b) * (down ? -1 : 1);
      });
    }
    shown = data.step;
    draw();
  };
  heads.forEach((head, c) => head.addEventListener('click', () => {
    down = sorted === c ? !down : false;
    sorted = c;
    heads.forEach(h => h.parentElement.removeAttribute('aria-sort'));
    head.parentElement.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    select();
  }));
  search.addEventListener('input', select);
  more.addEventListener('click', () => { shown += data.step; draw(); });
  document.getElementById('items').closest('section').classList.add('live');
  draw();
})();
"""
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii")
SCRIPT_POLICY = f"script-src 'sha256-{_HASH}'"
"""What the page's policy must allow: this script and no other."""


def items_section(items: Items) -> str:
    """The list with its search field and the script."""
    rows, left_out = _fitting(items)
    numeric = [any(isinstance(row[index], float) for row in items.rows) for index in range(len(items.columns))]
    data = {
        "rows": rows,
        "numeric": numeric,
        "decimals": [_decimals(items, index) for index in range(len(items.columns))],
        "step": ROWS_AT_A_TIME,
    }
    heads = "".join(
        f'<th scope="col"{" class=number" if number else ""}><button type="button">'
        f"{escape(format_heading(column))}</button></th>"
        for column, number in zip(items.columns, numeric, strict=True)
    )
    remark = f'<p class="quiet">{left_out} more would have made this page too large.</p>' if left_out else ""
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        '<div id="items-list"><p><label for="items-search">Search</label> '
        '<input id="items-search" type="search" autocomplete="off"> '
        '<span id="items-count" role="status" class="quiet"></span></p>'
        '<div class="scroll tall" role="region" tabindex="0" aria-label="List of utterances"><table id="items-table">'
        f'<thead><tr>{heads}</tr></thead><tbody id="items-body"></tbody></table></div>'
        f'<button type="button" id="items-more">Show {ROWS_AT_A_TIME} more</button>{remark}'
        '<noscript><p class="quiet">The list needs scripts; items.jsonl beside this page has it too.</p></noscript>'
        f'<script type="application/json" id="items-data">{packed}</script><script>{SCRIPT}</script></div>'
    )


def _decimals(items: Items, index: int) -> int:
    """As its unit deserves; none for a column of whole numbers, such as the SNRs of a plan."""
    values = (row[index] for row in items.rows)
    is_whole = all(value.is_integer() for value in values if isinstance(value, float))
    return 0 if is_whole else decimals_of(items.columns[index].unit)


def _fitting(items: Items) -> tuple[list[list[str | float | None]], int]:
    """Rows up to the size that the page can bear, rounded, and how many are left out."""
    places = [decimals_of(column.unit) + 1 for column in items.columns]
    rows: list[list[str | float | None]] = []
    size = 0
    for row in items.rows:
        short = [round(value, places[index]) if isinstance(value, float) else value for index, value in enumerate(row)]
        size += sum(len(str(value)) + 3 for value in short)
        if size > MAX_BYTES:
            break
        rows.append(short)
    return rows, len(items.rows) - len(rows)
