"""The listening study as one offline page: sounds, questions and script inside, truth and arms nowhere in it."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from merit_cli.reports.html_style import STYLE
from merit_cli.workflows.study.page_script import PAGE_SCRIPT
from merit_cli.workflows.study.page_style import PAGE_STYLE

NONE_FITS, UNUSABLE = "none fits", "unusable"
_WORDS = {"both": "Crackle and wheeze", NONE_FITS: "None fits", UNUSABLE: "Recording unusable"}
_SCALES = {
    "confidence": ("How sure are you?", "1 guessed", "5 certain"),
    "trust": ("How far would you rely on this recording?", "1 not at all", "5 fully"),
}


@dataclass(frozen=True)
class StudyPage:
    """What the page holds.

    Args:
        study: Opaque id of the study.
        labels: The classes to choose from.
        raters: Code to the ids of the trials, in order.
        trials: Id to the id of its sound and, in some arms, what the machine says.
        audio: Id to data URI.
        reference: Id of the sound to set the loudness by.
    """

    study: str
    labels: tuple[str, ...]
    raters: Mapping[str, Sequence[str]]
    trials: Mapping[str, Mapping[str, str]]
    audio: Mapping[str, str]
    reference: str


def page_html(page: StudyPage) -> str:
    """The whole page as text; it loads nothing and sends nothing."""
    digest = base64.b64encode(hashlib.sha256(PAGE_SCRIPT.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; media-src data: blob:; script-src 'sha256-{digest}'"
    data = {
        "study": page.study,
        "raters": page.raters,
        "trials": page.trials,
        "audio": page.audio,
        "reference": page.reference,
    }
    packed = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Listening study {escape(page.study)}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n"
        f'<main class="study">{_HEAD}{_welcome(page)}{_trial(page.labels)}{_END}{_TOOLS}</div></main>\n'
        f'<script type="application/json" id="study-data">{packed}</script>\n'
        f"<script>{PAGE_SCRIPT}</script>\n</body>\n</html>\n"
    )


_HEAD = (
    '<h1>Breath sounds: a listening study</h1><p class="quiet">Research use. What you hear and what is said here is no '
    "diagnosis, and nothing is sent anywhere: your answers stay in this browser until you save them to a file.</p>"
    '<p id="dead">This page needs a browser that runs its script. If you see this, scripts are switched off.</p>'
    '<div id="live" hidden>'
)
_END = (
    '<section id="end" aria-labelledby="end-head" hidden><h2 id="end-head" tabindex="-1">That was the last sound</h2>'
    "<p>Thank you. Save your answers to a file and send that file to whoever gave you this page.</p>"
    '<p class="row"><button type="button" class="main" id="save-end">Save answers to a file</button></p></section>'
)
_TOOLS = (
    '<section id="tools" aria-label="Progress" hidden><hr><p class="quiet">Rater <strong id="who"></strong>. '
    '<span id="kept" role="status"></span></p>'
    '<label class="quiet" for="all">Progress</label> <progress class="progress" id="all" max="1" value="0"></progress>'
    '<p class="row"><button type="button" id="save">Save what there is to a file</button></p></section>'
)


def _welcome(page: StudyPage) -> str:
    count = max(len(order) for order in page.raters.values())
    return (
        '<section id="welcome" aria-labelledby="welcome-head"><h2 id="welcome-head" tabindex="-1">Before you begin</h2>'
        f"<p>You will hear {count} short recordings of breath, some with noise. For each, say what you hear, how sure "
        "you are, and how far you would rely on the recording. You may play each as often as you like; once you go on, "
        "an answer stands. You may stop at any time: opened again in this browser, the page goes on where you "
        "left.</p><p>Wear headphones. Play the test sound and set a loudness at which you hear it well, then leave it."
        '</p><p class="row"><button type="button" id="check">Play the test sound</button></p>'
        '<p class="row"><label for="rater">Your code</label> <select id="rater"><option value="">choose</option>'
        '</select> <button type="button" class="main" id="begin">Begin, or go on</button></p>'
        '<p class="row"><label class="file">Go on from a saved file <input type="file" id="load" '
        'accept="application/json,.json"></label></p><p class="say" id="welcome-say" role="alert"></p></section>'
    )


def _trial(labels: Sequence[str]) -> str:
    words = [(label, _WORDS.get(label, label.capitalize())) for label in (*labels, NONE_FITS, UNUSABLE)]
    scales = "".join(_scale(name, *texts) for name, texts in _SCALES.items())
    return (
        '<section id="trial" aria-labelledby="trial-head" hidden><h2 id="trial-head" tabindex="-1">Sound</h2>'
        '<div class="player"><div class="row"><button type="button" class="main" id="play">Play</button>'
        '<progress id="heard" max="1" value="0" aria-label="Position in the sound"></progress></div>'
        '<span class="quiet" id="plays" role="status"></span></div>'
        '<p class="machine" id="machine" hidden>A machine says: <strong id="machine-says"></strong></p>'
        f"{_radios('label', 'What do you hear?', words)}{scales}"
        '<p class="row"><button type="button" class="main" id="next" aria-disabled="true">Next sound</button>'
        '<span class="quiet">Keys: <kbd>p</kbd> plays, <kbd>n</kbd> goes on.</span></p>'
        '<p class="say" id="trial-say" role="alert"></p></section>'
    )


def _scale(name: str, question: str, low: str, high: str) -> str:
    radios = _radios(name, question, [(str(step), str(step)) for step in range(1, 6)])
    ends = f'<p class="ends"><span>{escape(low)}</span><span>{escape(high)}</span></p></fieldset>'
    return radios.removesuffix("</fieldset>") + ends


def _radios(name: str, question: str, choices: Sequence[tuple[str, str]]) -> str:
    boxes = "".join(
        f'<label><input type="radio" name="{name}" value="{escape(value, quote=True)}"> {escape(words)}</label>'
        for value, words in choices
    )
    return f'<fieldset><legend>{escape(question)}</legend><div class="choices">{boxes}</div></fieldset>'
