"""The report of a sweep: dev's curve and choice, test's table and verdict."""

from collections.abc import Mapping, Sequence

from sweeping.choosing import Contrast, Scored
from sweeping.listeners import Listener
from sweeping.recipe import ENHANCED, NOISY, SweepRecipe

from merit_cli.metrics.comparison import Verdict
from merit_cli.metrics.statistics import Interval
from merit_cli.reports.report import Cell, Column, Curve, Entry, Headline, Point, Report, Series, Table
from merit_cli.reports.tables import format_number

_MARKS: Mapping[Verdict, str] = {"ahead": "▲", "behind": "▼", "not distinguishable": ""}


def sweep_report(
    recipe: SweepRecipe,
    listener: Listener,
    found: tuple[float, Scored, Scored],
    *,
    notes: Sequence[str],
    provenance: Mapping[str, str],
) -> Report:
    """The whole report.

    Args:
        recipe: Of the sweep.
        listener: The model.
        found: The ratio that dev chose, dev's scores at every ratio, test's at both ends and the choice.
        notes: What must stand beside the numbers.
        provenance: Name to value.
    """
    chosen, dev, test = found
    metric = recipe.spec.name
    tables = (_test_table(recipe, listener, chosen, test), _dev_table(recipe, listener, chosen, dev))
    points = tuple(Point(ratio, _cell(interval, dev)) for ratio, interval in dev.intervals.items())
    curve = Curve(
        f"{metric} on {recipe.dev} by share of the noisy signal",
        f"0 is {recipe.enhancer.name} alone, 1 the recording; 95 % intervals over speakers; chosen: {chosen:g}.",
        "share of the noisy signal",
        metric,
        (Series(recipe.dev, points, strong=True),),
    )
    return Report(
        title=f"Mix-back of {recipe.enhancer.name}, chosen by {metric}",
        summary=sentences(recipe, chosen, dev, test),
        notes=tuple(notes),
        headlines=tuple(
            Headline(f"{metric}, {name_of(ratio, recipe)}", _cell(interval, test))
            for ratio, interval in test.intervals.items()
        ),
        tables=tables,
        curves=(curve,),
        provenance=provenance,
    )


def sentences(recipe: SweepRecipe, chosen: float, dev: Scored, test: Scored) -> tuple[str, ...]:
    """The choice, what it was chosen from, and a verdict for each contrast of test."""
    ends = {"noisy": NOISY, "enhanced alone": ENHANCED}
    listed = ", ".join(f"{name} {dev.intervals[ratio].mean:.3f}" for name, ratio in ends.items())
    contrast = dev.against(chosen, NOISY)
    paired = "" if contrast is None else f"; minus noisy {_signed(contrast.comparison.difference)}"
    choice = (
        f"Chosen on {recipe.dev}: {name_of(chosen, recipe)}, {recipe.spec.name} {dev.intervals[chosen].mean:.3f} "
        f"({listed}{paired}); the best of {len(dev.intervals)} looks higher there than it is."
    )
    return (choice, *(_verdict(one, recipe, test) for one in test.contrasts))


def name_of(ratio: float, recipe: SweepRecipe) -> str:
    """What a ratio is called."""
    if ratio == NOISY:
        name = "noisy (1)"
    elif ratio == ENHANCED:
        name = f"{recipe.enhancer.name} alone (0)"
    else:
        name = f"mix-back {ratio:g}"
    return name


def _verdict(one: Contrast, recipe: SweepRecipe, test: Scored) -> str:
    names = (name_of(one.first, recipe), name_of(one.second, recipe))
    return (
        f"On {recipe.test}, {names[0]} minus {names[1]}: {_signed(one.comparison.difference)} {recipe.spec.name}, "
        f"p {one.adjusted_p:.3g}: {one.verdict} ({test.num_scored} utterances, {_speakers(test)})."
    )


def _signed(difference: Interval) -> str:
    ends = "" if difference.low is None else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.mean:+.3f}{ends}"


def _test_table(recipe: SweepRecipe, listener: Listener, chosen: float, test: Scored) -> Table:
    heads = (Column("signal"), Column(recipe.spec.name, "", higher_is_better=True))
    others = tuple(Column(f"chosen minus it{extra}") for extra in ("", ", p (Holm)", ", detectable"))
    rows: list[tuple[Entry, ...]] = []
    for ratio in sorted(test.intervals, reverse=True):
        contrast = test.against(chosen, ratio)
        facts: tuple[Entry, ...] = ("", "", "") if contrast is None else _facts(contrast, test)
        name = name_of(ratio, recipe) + (", chosen" if ratio == chosen else "")
        rows.append((name, _cell(test.intervals[ratio], test), *facts))
    units = "whole speakers" if test.num_speakers > 1 else "utterances"
    caption = (
        f"{recipe.test} split, classes {', '.join(listener.labels)}; {_basis(test)}. Differences are paired on the "
        f"same utterances; p exchanges {units}, adjusted by Holm; a mark needs interval and p; detectable: the true "
        "difference seen with power .8."
    )
    strong = tuple(index for index, ratio in enumerate(sorted(test.intervals, reverse=True)) if ratio == chosen)
    return Table(f"Test: {recipe.enhancer.name}", caption, (*heads, *others), tuple(rows), strong)


def _facts(contrast: Contrast, test: Scored) -> tuple[Entry, ...]:
    comparison = contrast.comparison
    cell = _cell(comparison.difference, test, mark=_MARKS[contrast.verdict])
    p_value = f"{contrast.adjusted_p:.3g}" + (f" ({comparison.note})" if comparison.note else "")
    return cell, p_value, format_number(comparison.detectable)


def _dev_table(recipe: SweepRecipe, listener: Listener, chosen: float, dev: Scored) -> Table:
    heads = (
        Column("share of noisy"),
        Column(recipe.spec.name, "", higher_is_better=True),
        Column("minus noisy, paired"),
    )
    rows: list[tuple[Entry, ...]] = []
    for ratio, interval in dev.intervals.items():
        contrast = dev.against(ratio, NOISY)
        difference: Entry = "" if contrast is None else _cell(contrast.comparison.difference, dev)
        name = f"{ratio:g}, chosen" if ratio == chosen else f"{ratio:g}"
        rows.append((name, _cell(interval, dev), difference))
    caption = (
        f"{recipe.dev} split, classes {', '.join(listener.labels)}; {_basis(dev)}. 0 is {recipe.enhancer.name} alone, "
        "1 the recording; of equal scores the larger share is taken. Nothing is tested here: these scores chose."
    )
    strong = tuple(index for index, ratio in enumerate(dev.intervals) if ratio == chosen)
    return Table("Dev: every ratio", caption, heads, tuple(rows), strong)


def _basis(scored: Scored) -> str:
    some = next(iter(scored.intervals.values()))
    basis = f"95 % intervals: {some.method}, {_speakers(scored)}"
    return f"{basis}; {some.note}" if some.note else basis


def _speakers(scored: Scored) -> str:
    return {0: "speakers unknown", 1: "1 speaker"}.get(scored.num_speakers, f"{scored.num_speakers} speakers")


def _cell(interval: Interval, scored: Scored, *, mark: str = "") -> Cell:
    return Cell(interval.mean, interval.low, interval.high, "", scored.num_scored, scored.num_asked, mark=mark)
