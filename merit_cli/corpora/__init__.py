"""Corpora by name: each an adapter from a raw folder to utterances and a card (see `prepared`)."""

from merit_cli.registry import Registry

CORPORA = Registry(
    "corpus",
    {
        "breath-csv": "merit_cli.corpora.breath_csv:prepare_breath_csv",
        "hf-lung": "merit_cli.corpora.hf_lung:prepare_hf_lung",
        "icbhi": "merit_cli.corpora.icbhi:prepare_icbhi",
        "kauh": "merit_cli.corpora.kauh:prepare_kauh",
        "polish": "merit_cli.corpora.polish:prepare_polish",
        "ravdess": "merit_cli.corpora.ravdess:prepare_ravdess",
        "sample": "merit_cli.corpora.sample:prepare_sample",
        "sample-noise": "merit_cli.corpora.sample:prepare_sample_noise",
        "sprsound": "merit_cli.corpora.sprsound:prepare_sprsound",
        "sprsound-records": "merit_cli.corpora.sprsound:prepare_sprsound_records",
        "synthetic-breath": "merit_cli.corpora.icbhi:prepare_synthetic_breath",
        "synthetic-noise": "merit_cli.corpora.synthetic_noise:prepare_synthetic_noise",
    },
    plural="corpora",
)
