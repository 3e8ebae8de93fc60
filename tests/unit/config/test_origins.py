from pathlib import Path

from merit_cli.config.origins import origins_of


def origins(tmp_path: Path, resolved: dict[str, object], *overrides: str) -> dict[str, str]:
    (tmp_path / "parent.yaml").write_text("model: {width: 1, depth: 2}\nencoder: {name: mel, bands: 64}\n")
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\nmodel: {width: 3}\nloss: l1\n")
    return {one.key: one.origin for one in origins_of(resolved, tmp_path / "child.yaml", overrides)}


RESOLVED = {
    "model": {"width": 3, "depth": 2, "rate": 0.1},
    "encoder": {"name": "mel", "bands": 64},
    "loss": {"name": "l1", "scale": 1.0},
}


def test_each_value_names_the_file_or_the_default(tmp_path: Path) -> None:
    assert origins(tmp_path, RESOLVED) == {
        "model.width": "child.yaml",
        "model.depth": "parent.yaml",
        "model.rate": "default",
        "encoder.name": "parent.yaml",
        "encoder.bands": "parent.yaml",
        "loss.name": "child.yaml",
        "loss.scale": "default",
    }


def test_an_override_stands_over_the_files(tmp_path: Path) -> None:
    found = origins(tmp_path, RESOLVED, "model.depth=2", "loss={scale: 1}")
    assert (found["model.depth"], found["loss.scale"]) == ("--set model.depth", "--set loss")


def test_a_new_name_leaves_nothing_of_the_old_component(tmp_path: Path) -> None:
    found = origins(tmp_path, {"encoder": {"name": "hub", "bands": 80}}, "encoder={name: hub}")
    assert found == {"encoder.name": "--set encoder", "encoder.bands": "default"}


def test_without_a_file_all_are_defaults() -> None:
    assert [one.origin for one in origins_of({"a": 1, "b": {}}, None)] == ["default", "default"]
