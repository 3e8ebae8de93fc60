"""A corpus built again from its manifest: same pieces of noise, same distortions, same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.config.load import read_yaml, validated
from merit_cli.errors import BadData, NoInput
from merit_cli.io.hashing import sha256_of_file
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.distortions.contract import Drawn
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.sources import split_channels
from merit_cli.workflows.mix.plan import PlannedMix
from merit_cli.workflows.mix.run import SOURCES


@dataclass(frozen=True)
class Replayed:
    """The mixtures of a manifest, as `Mixtures`; those of an utterance must stand together.

    Args:
        lines: Noisy utterances with their mixtures.
        voices: Clean utterances by id.
        files: Noises by id.
    """

    lines: Sequence[Utterance]
    voices: Mapping[str, Utterance]
    files: Mapping[str, Utterance]

    @property
    def num_mixtures(self) -> int:
        """How many there are."""
        return len(self.lines)

    def __iter__(self) -> Iterator[PlannedMixture]:
        """Each mixture, where it was cut and how it was distorted no longer open."""
        for line in self.lines:
            mixture = line.mixture
            assert mixture is not None, line.id
            starts = (mixture.noise_start, *(more.noise_start for more in mixture.more_noises))
            yield PlannedMixture(
                id=line.id,
                speech=self.voices[mixture.clean_id],
                noises=tuple(self.files[name] for name in mixture.noise_ids),
                snr_db=mixture.snr_db,
                variant=mixture.variant,
                draw_key=repr((mixture.clean_id, mixture.noise_ids, starts, mixture.distortions)),
                seed=mixture.seed,
                noise_set=mixture.noise_set or "any",  # type: ignore[arg-type]  # as it was written
                starts=starts,
                distortions=tuple(Drawn.from_line(one) for one in mixture.distortions),
            )

    def speech(self) -> Iterator[Utterance]:
        """Each utterance once, in order."""
        return (
            self.voices[name] for name in dict.fromkeys(line.mixture.clean_id for line in self.lines if line.mixture)
        )

    def noises(self) -> Iterator[Utterance]:
        """Each noise once, in the order of ids."""
        return (
            self.files[name] for name in sorted({n for one in self.lines if one.mixture for n in one.mixture.noise_ids})
        )


def plan_replay(manifest: Path, speech: Sequence[str | Path], noise: Sequence[str | Path]) -> PlannedMix:
    """The plan behind a manifest of mixtures, all of it or the lines that are left of it.

    Args:
        manifest: Of a mix, its ``recipe.yaml`` beside it.
        speech: Where the clean speech lies now; empty takes the place that the mix noted.
        noise: Where the noise lies now, likewise.

    Raises:
        NoInput: There is no such manifest, or a source of it is not to be found.
        BadData: A line is not of a mixture.
    """
    manifest = manifest / MANIFEST_NAME if manifest.is_dir() else manifest
    lines = read_manifest(manifest)
    for line in lines:
        if line.mixture is None:
            raise BadData(f"the line {line.id!r} is not of a mixture", place=str(manifest))
    recipe = _recipe_beside(manifest)
    found = {}
    for kind, typed in zip(SOURCES, (speech, noise), strict=True):
        noted = manifest.parent / "sources" / f"{kind}.jsonl"
        if not typed and not noted.exists():
            raise NoInput(f"it is not noted where the {kind} lies", place=str(noted), hint="name SPEECH and NOISE too")
        found[kind] = read_inputs(typed or [noted], name=kind)
    split = split_channels if recipe.channels == "each" else iter  # a noted source is a channel already
    voices, files = ({one.id: one for one in split(found[kind].utterances)} for kind in SOURCES)
    _check_all_there(lines, voices, files, place=str(manifest))
    return PlannedMix(
        mixtures=Replayed(lines, voices, files),
        recipe=recipe,
        card=read_card(manifest) or Card(name=recipe.name),
        inputs={"replay": sha256_of_file(manifest), **{kind: inputs.content for kind, inputs in found.items()}},
        expected={line.id: line for line in lines},
    )


def _recipe_beside(manifest: Path) -> MixRecipe:
    path = manifest.parent / "recipe.yaml"
    if not path.exists():
        raise NoInput("the recipe of the mix is missing", place=str(path), hint="keep recipe.yaml beside the manifest")
    return validated(MixRecipe, read_yaml(path), place=str(path))


def _check_all_there(
    lines: Sequence[Utterance], voices: Mapping[str, Utterance], files: Mapping[str, Utterance], *, place: str
) -> None:
    for line in lines:
        assert line.mixture is not None, line.id
        for kind, names, known in (
            ("speech", (line.mixture.clean_id,), voices),
            ("noise", line.mixture.noise_ids, files),
        ):
            for name in names:
                if name not in known:
                    raise NoInput(f"the {kind} {name!r} of {line.id!r} is not to be found", place=place)
