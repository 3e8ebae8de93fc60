from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.manifests.mixture import Mixture
from merit_cli.manifests.read_write import write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.find_pairs import find_pairs
from merit_cli.mixing.pairs import Pair, PairRules


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def parts_of(pair: Pair, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in (*pair.clean, *pair.noise)]


def test_noisy_clean_and_noise_folders_are_paired_by_stem(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{name}" for folder in ("noisy", "clean", "noise") for name in ("b c.wav", "x/a.flac")))
    pairs = list(find_pairs(tmp_path))
    assert [pair.id for pair in pairs] == ["noisy__b c", "noisy__x__a"]
    assert parts_of(pairs[1], tmp_path) == ["clean/x/a.flac", "noise/x/a.flac"]
    assert all(pair.lacks is None and pair.claimed_snr_db is None for pair in pairs)


def test_voicebank_folders_go_with_those_of_the_same_set(tmp_path: Path) -> None:
    for part in ("noisy", "clean"):
        touch(tmp_path, f"{part}_testset_wav/p232_001.wav", f"{part}_trainset_28spk_wav/p226_001.wav")
    found = [(pair.id, pair.split, *parts_of(pair, tmp_path)) for pair in find_pairs(tmp_path)]
    assert found == [
        ("noisy_testset_wav__p232_001", "test", "clean_testset_wav/p232_001.wav"),
        ("noisy_trainset_28spk_wav__p226_001", "train", "clean_trainset_28spk_wav/p226_001.wav"),
    ]


def test_librimix_parts_depend_on_the_kind_of_mixture(tmp_path: Path) -> None:
    for part in ("mix_clean", "mix_single", "mix_both", "s1", "s2", "noise"):
        touch(tmp_path, f"wav16k/max/dev/{part}/1-2_3-4.wav")
    pairs = list(find_pairs(tmp_path))
    parts = {
        Path(pair.noisy or "").parent.name: [Path(one).parent.name for one in parts_of(pair, tmp_path)]
        for pair in pairs
    }
    assert parts == {"mix_both": ["s1", "s2", "noise"], "mix_clean": ["s1", "s2"], "mix_single": ["s1", "noise"]}
    assert {pair.split for pair in pairs} == {"dev"}
    by_kind = {Path(pair.noisy or "").parent.name: pair for pair in pairs}
    assert len(by_kind["mix_both"].clean) == 2
    assert len(by_kind["mix_clean"].noise) == 1


def test_dns_files_are_paired_by_their_number_and_claim_the_ratio_in_their_name(tmp_path: Path) -> None:
    touch(tmp_path, "training/noisy/book_01_reader_7_snr5_tl-21_fileid_12.wav", "training/clean/clean_fileid_12.wav")
    touch(tmp_path, "training/noisy/book_02_snr-3_fileid_120.wav", "training/clean/clean_fileid_120.wav")
    touch(tmp_path, "training/noise/noise_fileid_12.wav", "training/noise/noise_fileid_120.wav")
    first, second = find_pairs(tmp_path)
    assert (first.claimed_snr_db, second.claimed_snr_db) == (5.0, -3.0)
    assert parts_of(first, tmp_path) == ["training/clean/clean_fileid_12.wav", "training/noise/noise_fileid_12.wav"]
    assert first.split == "train"


def test_names_that_differ_in_their_role_only_are_paired(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/a_noisy.wav", "noisy/b_noisy.wav", "clean/a_clean.wav", "clean/b_clean.wav")
    assert [parts_of(pair, tmp_path) for pair in find_pairs(tmp_path)] == [["clean/a_clean.wav"], ["clean/b_clean.wav"]]


def test_a_rule_pairs_many_noisy_files_with_one_clean_file_and_reads_claims_and_sources(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/p1_u7_rain_at-5dB.wav", "noisy/p1_u7_wind_at2.5dB.wav", "clean/original u7.wav")
    rules = PairRules(
        pair_by=r"(?:(?P<speaker>p\d)_)?(?P<id>u\d+)(?:_(?P<noise>[a-z]+))?",
        claimed_snr=r"at(?P<snr>-?[\d.]+)dB",
        level="p56",
    )
    first, second = find_pairs(tmp_path, rules)
    assert (first.claimed_snr_db, second.claimed_snr_db, first.level) == (-5.0, 2.5, "p56")
    assert first.clean == second.clean == (tmp_path / "clean" / "original u7.wav",)
    assert first.sources == {"speaker": "p1", "noise_id": "rain"}


def test_files_without_partners_come_as_pairs_that_lack_a_part(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/a.wav", "noisy/lone.wav", "clean/a.wav", "clean/unused.wav", "noise/lone.wav")
    lacking = {pair.id: pair.lacks for pair in find_pairs(tmp_path)}
    assert lacking == {"noisy__a": "noise", "noisy__lone": "clean", "clean__unused": "noisy"}


def test_a_noisy_folder_without_its_clean_folder_is_not_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "noisy_testset_wav/a.wav", "noisy_trainset_wav/b.wav", "clean_trainset_wav/b.wav")
    lacking = {pair.id: pair.lacks for pair in find_pairs(tmp_path)}
    assert lacking == {"noisy_testset_wav__a": "clean", "noisy_trainset_wav__b": None}


def test_a_folder_named_noisy_that_only_holds_the_set_is_searched(tmp_path: Path) -> None:
    touch(tmp_path, "noisy_speech/noisy/a.wav", "noisy_speech/clean/a.wav", "noise_sources/x.wav")
    assert [(pair.id, pair.lacks) for pair in find_pairs(tmp_path)] == [("noisy_speech__noisy__a", None)]


def test_several_noisy_folders_share_one_clean_folder(tmp_path: Path) -> None:
    touch(tmp_path, "noisy_snr0/a.wav", "noisy_snr5/b.wav", "clean/a.wav", "clean/b.wav")
    assert [(pair.id, pair.lacks) for pair in find_pairs(tmp_path)] == [
        ("noisy_snr0__a", None),
        ("noisy_snr5__b", None),
    ]


def test_a_link_back_up_is_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "set/noisy/a.wav", "set/clean/a.wav")
    (tmp_path / "set" / "up").symlink_to(tmp_path)
    assert len(list(find_pairs(tmp_path))) == 1


def mixture(level: str = "p56") -> Mixture:
    return Mixture("a", "n7", "rain", -5.0, -5.0, level, 0, 0, 1.0, 1.0, 0)


def test_a_manifest_says_everything_itself(tmp_path: Path) -> None:
    line = Utterance(
        "a__v0",
        tmp_path / "y.wav",
        16000,
        800,
        speaker="ann",
        split="test",
        clean=tmp_path / "c.wav",
        mixture=mixture(),
    )
    write_manifest(tmp_path / "manifest.jsonl", [line, Utterance("plain", tmp_path / "p.wav", 16000, 800)])
    (pair,) = find_pairs(tmp_path)
    assert pair == next(find_pairs(tmp_path / "manifest.jsonl"))
    assert (pair.claimed_snr_db, pair.level, pair.split, pair.num_samples) == (-5.0, "p56", "test", 800)
    assert pair.sources == {"speaker": "ann", "clean_id": "a", "noise_id": "n7"}


def test_a_mixture_whose_clean_file_is_not_named_lacks_it(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", tmp_path / "y.wav", 16000, 800, mixture=mixture())])
    assert [pair.lacks for pair in find_pairs(tmp_path / "m.jsonl")] == ["clean"]


def test_an_enhanced_manifest_is_audited_on_its_noisy_files(tmp_path: Path) -> None:
    line = Utterance("a", tmp_path / "e.wav", 16000, 800, clean=tmp_path / "c.wav", noisy=tmp_path / "y.wav")
    write_manifest(tmp_path / "m.jsonl", [line])
    assert [pair.noisy for pair in find_pairs(tmp_path / "m.jsonl")] == [tmp_path / "y.wav"]


def test_an_unknown_level_or_a_twin_in_a_manifest_is_refused(tmp_path: Path) -> None:
    twin = Utterance("a", tmp_path / "y.wav", 16000, 800, clean=tmp_path / "c.wav")
    write_manifest(tmp_path / "twins.jsonl", [twin, twin])
    with pytest.raises(BadData, match="appears twice"):
        list(find_pairs(tmp_path / "twins.jsonl"))
    write_manifest(tmp_path / "level.jsonl", [Utterance("a", tmp_path / "y.wav", 16000, 8, mixture=mixture("loud"))])
    with pytest.raises(BadData, match="unknown level 'loud'"):
        list(find_pairs(tmp_path / "level.jsonl"))


@pytest.mark.parametrize("folder", ["gone", "empty", "one"])
def test_a_place_without_pairs_is_no_input(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "one/noisy/a.wav")
    with pytest.raises(NoInput) as error:
        list(find_pairs(tmp_path / folder))
    assert error.value.hint


@pytest.mark.parametrize(
    ("rules", "hint"),
    [
        ({"pair_by": "("}, "quote"),
        ({"pair_by": r"\d+"}, "example"),
        ({"claimed_snr": r"snr(\d+)"}, "example"),
        ({"level": "rsm"}, "did you mean 'rms'"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rules: dict[str, str], hint: str) -> None:
    with pytest.raises(UsageError) as error:
        PairRules(**rules)  # type: ignore[arg-type]
    assert hint in error.value.hint


def test_a_rule_that_pairs_one_file_with_two_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/a1.wav", "clean/a1.wav", "clean/a2.wav")
    with pytest.raises(UsageError, match=r"a1.wav and a2.wav"):
        list(find_pairs(tmp_path, PairRules(pair_by="^(.)")))


def test_a_claim_that_is_no_number_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "noisy/a_snrx.wav", "clean/a_snrx.wav")
    with pytest.raises(UsageError, match="'x'"):
        list(find_pairs(tmp_path, PairRules(claimed_snr="snr(?P<snr>.)")))


def test_rules_for_names_do_not_go_with_a_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", tmp_path / "y.wav", 16000, 800, clean=tmp_path / "c.wav")])
    with pytest.raises(UsageError, match="without a manifest"):
        list(find_pairs(tmp_path / "m.jsonl", PairRules(pair_by="(.)")))
