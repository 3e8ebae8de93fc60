"""What is to be scored: a run, a manifest with predictions, or processed files and their references."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from merit_cli.errors import NoInput, UsageError
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.run_dir import read_summary
from merit_cli.manifests.foreign_predictions import match_predictions, read_foreign_predictions
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.predictions import PREDICTIONS_NAME, Prediction, read_predictions
from merit_cli.manifests.read_write import MANIFEST_NAME, Card
from merit_cli.manifests.routed import ROUTING_NAME, Routed, read_routing
from merit_cli.manifests.utterance import Utterance, id_of_path


@dataclass(frozen=True)
class Material:
    """Everything that is to be scored, before anything is.

    Args:
        source: What it was read from, as the report says it.
        system: Name of the row that the tables are about.
        utterances: Those of the chosen split; ``audio`` is the system's output but for a model that has yet to run.
        card: Notes that the report repeats.
        content: Hash of everything above.
        split: The chosen split; empty for all.
        predictions: By id; None where there are none yet.
        model_run: The train run whose model has yet to run, or None.
        training: Utterances of the train split, for baselines that are fitted.
        bad: Id of each of them that could not be read or paired, to the reason.
        notes: Remarks on the pairing.
        has_audio: False for predictions that came without any.
        routing: By id, what the routers of the model did; empty for a model without.
    """

    source: str
    system: str
    utterances: tuple[Utterance, ...]
    card: Card
    content: str
    split: str = ""
    predictions: Mapping[str, Prediction] | None = None
    model_run: Path | None = None
    training: tuple[Utterance, ...] = ()
    bad: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    has_audio: bool = True
    routing: Mapping[str, Routed] = field(default_factory=dict)


def read_material(
    source: Path | None, reference: Path | None = None, *, split: str = "auto", predictions: Path | None = None
) -> Material:
    """What stands at ``source``.

    Args:
        source: A run folder, a manifest, or a file or folder of processed audio; None where predictions are all.
        reference: Clean file or folder, for processed audio without a manifest.
        split: ``train``, ``dev``, ``test``, ``all``, or ``auto``: test where there is one, else all.
        predictions: Another tool's predictions of the utterances (see `manifests.foreign_predictions`).

    Raises:
        NoInput: There is nothing there, or nothing in the split.
        UsageError: Processed audio came without a reference, or the run is not one that can be scored.
        BadData: A manifest or a prediction cannot be read.
    """
    if predictions is None:
        assert source is not None, "neither source nor predictions"
        return _read_source(source, reference, split)
    found = read_foreign_predictions(predictions)
    name, mark = predictions.stem, sha256_of_file(predictions)
    if source is None:
        chosen, used = choose_split([one.to_utterance() for one in found], split, place=str(predictions))
        said = {one.prediction.id: one.prediction for one in found}
        return Material(
            str(predictions), name, tuple(chosen), Card(name=name), mark, used, predictions=said, has_audio=False
        )
    base = _read_source(source, reference, split, has_predictions=True)
    matched, notes = match_predictions(found, base.utterances)
    utterances = tuple(
        replace(one, labels={**matched[one.id].true_attributes, **one.labels}) if one.id in matched else one
        for one in base.utterances
    )
    return replace(
        base,
        source=f"{base.source} with {predictions}",
        system=name,
        utterances=utterances,
        content=f"{base.content}+{mark}",
        predictions={key: one.prediction for key, one in matched.items()},
        model_run=None,
        notes=(*base.notes, *notes),
        routing={},
    )


def _read_source(source: Path, reference: Path | None, split: str, *, has_predictions: bool = False) -> Material:
    if reference is not None:
        return _read_pairs(source, reference)
    command = command_of(source)
    if command == "train":
        return _read_train_run(source, split)
    if command not in ("", "mix", "enhance", "evaluate", "prepare", "predict"):
        raise UsageError(
            f"a {command} run cannot be evaluated", place=str(source), hint="give a train, enhance or mix run"
        )
    inputs = read_inputs([source], name="the input")
    if not _has_manifest(source) and not has_predictions:
        raise UsageError(
            "processed audio needs its clean reference",
            place=str(source),
            hint="add --reference FOLDER, or give a manifest, or --predictions FILE",
        )
    chosen, used = choose_split(inputs.utterances, split, place=str(source))
    file = _folder_of(source) / PREDICTIONS_NAME
    predictions = {one.id: one for one in read_predictions(file)} if file.exists() else None
    content = f"{inputs.content}+{sha256_of_file(file)}" if file.exists() else inputs.content
    return Material(
        source=str(source),
        system=_system_name(chosen, source) if command != "predict" else _predicted_name(chosen, source),
        utterances=tuple(chosen),
        card=inputs.card,
        content=content,
        split=used,
        predictions=predictions,
        training=tuple(u for u in inputs.utterances if u.split == "train"),
        routing={one.id: one for one in read_routing(_folder_of(source) / ROUTING_NAME)} if predictions else {},
    )


def choose_split(utterances: Sequence[Utterance], split: str, *, place: str = "") -> tuple[list[Utterance], str]:
    """The utterances of a split, and the split's name; empty where all are taken.

    Raises:
        NoInput: The split has none.
    """
    present = {utterance.split for utterance in utterances}
    wanted = ("test" if "test" in present else "all") if split == "auto" else split
    if wanted == "all":
        return list(utterances), ""
    chosen = [utterance for utterance in utterances if utterance.split == wanted]
    if not chosen:
        names = ", ".join(sorted(name for name in present if name)) or "none"
        raise NoInput(f"the split {wanted!r} is empty", place=place, hint=f"splits there: {names}; or --split all")
    return chosen, wanted


def _read_train_run(run: Path, split: str) -> Material:
    read_summary(run)  # refuses an unfinished run
    provenance = _provenance(run)
    manifest = data_of_run(run)
    inputs = read_inputs([manifest], name="the run's data")
    chosen, used = choose_split(inputs.utterances, split, place=str(manifest))
    return Material(
        source=str(run),
        system=str(provenance.get("name", "model")),
        utterances=tuple(chosen),
        card=inputs.card,
        content=f"{provenance.get('fingerprint')}+{inputs.content}",
        split=used,
        model_run=run,
        training=tuple(u for u in inputs.utterances if u.split == "train"),
    )


def data_of_run(run: Path) -> Path:
    """The manifest that a train run learned from.

    Raises:
        NoInput: The run does not name it, or it is no longer there.
    """
    named = _provenance(run).get("data") or read_summary(run).get("data")
    if not named:
        raise NoInput("the run does not say which data it was trained on", place=str(run), hint="train it again")
    path = Path(str(named))
    for candidate in (run / path, path):  # a relative path counts from the run folder
        if candidate.exists():
            return candidate
    raise NoInput("the data of the run is no longer there", place=str(path), hint="mix it again, or give a manifest")


def _read_pairs(source: Path, reference: Path) -> Material:
    processed, clean = read_inputs([source], name="processed audio"), read_inputs([reference], name="references")
    bad = {**_bad_by_id(processed, source, "processed"), **_bad_by_id(clean, reference, "reference")}
    notes: tuple[str, ...] = ()
    content = f"{processed.content}+{clean.content}"
    if source.is_file() and reference.is_file():
        content = f"{sha256_of_file(source)}+{sha256_of_file(reference)}"  # a pipe's file has a new path each time
    if source.is_file() and reference.is_file() and not bad:
        pairs = [replace(processed.utterances[0], clean=clean.utterances[0].audio)]
    else:
        pairs, lonely, notes = _pair_up(processed.utterances, clean.utterances)
        bad = lonely | bad  # an unreadable partner is the truer reason
    if not pairs and not bad:
        raise NoInput(
            "no processed file has a reference", place=str(source), hint="files are paired by relative path or name"
        )
    return Material(
        source=f"{source} against {reference}",
        system=source.name or "processed",
        utterances=(*(pair for pair in pairs if pair.id not in bad), *(_unreadable(item_id) for item_id in bad)),
        card=processed.card,
        content=content,
        bad=bad,
        notes=notes,
    )


def _pair_up(
    processed: Sequence[Utterance], clean: Sequence[Utterance]
) -> tuple[list[Utterance], dict[str, str], tuple[str, ...]]:
    """Pairs by id, else by file name; what has no partner, with the reason; remarks."""
    by_id = {one.id: one for one in clean}
    names = [one.audio.stem for one in clean]
    by_name = {one.audio.stem: one for one in clean if names.count(one.audio.stem) == 1}
    pairs, lonely, used, renamed = [], {}, set(), 0
    for one in processed:
        partner = by_id.get(one.id)
        if partner is None and (partner := by_name.get(one.audio.stem)) is not None:
            renamed += 1
        if partner is None:
            lonely[one.id] = "no reference has this id or name"
        else:
            used.add(partner.id)
            pairs.append(replace(one, clean=partner.audio))
    lonely |= {one.id: "the reference has no processed file" for one in clean if one.id not in used}
    return pairs, lonely, (f"{renamed} files were paired by name.",) if renamed else ()


def _unreadable(item_id: str) -> Utterance:
    """A place in the tables for an item without audio, so that every count includes it."""
    return Utterance(id=item_id, audio=Path(item_id), clean=Path(item_id), sample_rate=1, num_samples=0)


def _bad_by_id(inputs: Inputs, root: Path, kind: str) -> dict[str, str]:
    base = root.resolve() if root.is_dir() else root.resolve().parent
    return {id_of_path(Path(path), base): f"{kind}: {error.message}" for path, error in inputs.bad.items()}


def _system_name(utterances: Sequence[Utterance], source: Path) -> str:
    enhancers = {utterance.enhancer for utterance in utterances if utterance.enhancer}
    if enhancers:
        return "+".join(sorted(enhancers))
    return "noisy" if all(utterance.mixture for utterance in utterances) else _folder_of(source).name


def _predicted_name(utterances: Sequence[Utterance], source: Path) -> str:
    """The model of a predict run, and what it heard."""
    return f"{_provenance(source).get('name', 'model')} on {_system_name(utterances, source)}"


def _folder_of(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def _has_manifest(source: Path) -> bool:
    return source.suffix == ".jsonl" or str(source) == "-" or (source / MANIFEST_NAME).exists()


def command_of(source: Path) -> str:
    """The command whose run stands at ``source``; empty where none does."""
    return str(_provenance(source).get("command", "")) if source.is_dir() else ""


def _provenance(run: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return found
