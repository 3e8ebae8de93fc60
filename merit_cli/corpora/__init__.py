"""Corpora by name: each an adapter from a raw folder to utterances and a card (see `prepared`)."""

from merit_cli.registry import Registry

CORPORA = Registry(
    "corpus",
    {
        "breath-csv": "merit_cli.corpora.breath_csv:prepare_breath_csv",
        "crema-d": "merit_cli.corpora.crema_d:prepare_crema_d",
        "crema-d-perceived": "merit_cli.corpora.crema_d:prepare_crema_d_perceived",
        "emo-db": "merit_cli.corpora.emodb:prepare_emodb",
        "emotion-csv": "merit_cli.corpora.emotion_tables:prepare_emotion_csv",
        "emotion-folder": "merit_cli.corpora.emotion_tables:prepare_emotion_folder",
        "esd": "merit_cli.corpora.esd:prepare_esd",
        "hf-lung": "merit_cli.corpora.hf_lung:prepare_hf_lung",
        "icbhi": "merit_cli.corpora.icbhi:prepare_icbhi",
        "iemocap": "merit_cli.corpora.iemocap:prepare_iemocap",
        "iemocap-all": "merit_cli.corpora.iemocap:prepare_iemocap_all",
        "kauh": "merit_cli.corpora.kauh:prepare_kauh",
        "meld": "merit_cli.corpora.meld:prepare_meld",
        "msp-podcast": "merit_cli.corpora.msp_podcast:prepare_msp_podcast",
        "msp-podcast-attributes": "merit_cli.corpora.msp_podcast:prepare_msp_podcast_attributes",
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
