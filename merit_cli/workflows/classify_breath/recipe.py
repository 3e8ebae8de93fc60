"""What decides a breath classifier's answers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from merit_cli.backbones.breath_classifiers import ClassifierChoice, classifier_config
from merit_cli.config.frozen import FrozenConfig
from merit_cli.corpora.breath_labels import BREATH_LABELS, TWO_CLASSES
from merit_cli.data.class_balance import Balance
from merit_cli.enhancers.select import EnhancerChoice
from merit_cli.models.patch_mix import PatchMixConfig
from merit_cli.training.spectrogram_masks import SpecAugmentConfig
from merit_cli.workflows.classify_breath.noise_injection import NoiseInjection


class BreathRecipe(FrozenConfig):
    """Training and evaluation of one breath classifier.

    Args:
        name: Of the recipe; part of the default output folder.
        classes: Labels, normal first; cycles of another label are left out and counted. ``[normal, abnormal]`` calls
            every crackle, wheeze, rhonchus and stridor abnormal.
        model: The classifier: breath-cnn, cnn6, cnn10, cnn14, ast or encoder, or one with its parameters.
        enhance: Put in front of the classifier when it is evaluated: whole recordings are enhanced,
            then cut into cycles. None evaluates the recordings as they are only.
        train_on_enhanced: Train on enhanced recordings too, instead of on the recordings as they are.
        fade: Cross-fade between repetitions of a short cycle, in seconds.
        epochs: Passes over the training cycles.
        batch_size: Cycles a step.
        learning_rate: At the start of a cosine to zero.
        weight_decay: AdamW's.
        max_shift: Largest circular shift of a training cycle, as a share of its length.
        average_decay: Of a running average of the weights, which dev scores and the model keeps; 0 keeps none.
        class_weights: ``inverse`` weighs the loss of a class by its rarity; ``none`` weighs every cycle alike.
        balance: ``up`` shows every class as often as the most frequent one in each epoch, ``down`` as seldom as the
            rarest, drawn anew; ``none`` shows every cycle once. It takes the place of class weights.
        spec_augment: Stretches of time and bands of mels hidden from the classifier; None hides nothing.
        patch_mix: Patches of a clip's spectrogram taken from another clip of the batch; None mixes nothing.
        noise: Noise mixed under training cycles, another one in each epoch; None leaves them as they are.
        answered_on_dev: Share of dev cycles that the abstention thresholds let through.
        window: Length of the pieces that a recording without annotation is cut into, in seconds.
        seed: Of weights, order, shifts, masks and noise.
    """

    name: str = "breath"
    classes: tuple[str, ...] = BREATH_LABELS
    model: ClassifierChoice = Field(default_factory=lambda: classifier_config({}))
    enhance: EnhancerChoice | None = None
    train_on_enhanced: bool = False
    fade: float = Field(default=0.05, ge=0.0, le=1.0)
    epochs: int = Field(default=8, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0.0)
    weight_decay: float = Field(default=1e-4, ge=0.0)
    max_shift: float = Field(default=1.0, ge=0.0, le=1.0)
    average_decay: float = Field(default=0.0, ge=0.0, lt=1.0)
    class_weights: Literal["inverse", "none"] = "inverse"
    balance: Balance = "none"
    spec_augment: SpecAugmentConfig | None = None
    patch_mix: PatchMixConfig | None = None
    noise: NoiseInjection | None = None
    answered_on_dev: float = Field(default=0.95, gt=0.5, le=1.0)
    window: float = Field(default=4.0, ge=1.0, le=30.0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes) or self.classes[0] != "normal":
            raise ValueError("classes must be at least two different labels, normal first")
        if "abnormal" in self.classes and self.classes != TWO_CLASSES:
            raise ValueError("abnormal holds every other sound: classes are normal and abnormal, or do without it")
        if self.balance != "none" and self.class_weights != "none":
            raise ValueError("balance and class_weights would correct twice for rare classes: class_weights: none")
        if not self.model.has_spectrogram and (self.spec_augment is not None or self.patch_mix is not None):
            raise ValueError("spec_augment and patch_mix change a spectrogram, and this model has none")
        if self.noise is not None and self.train_on_enhanced:
            raise ValueError("noise is mixed under cycles as recorded, so train_on_enhanced cannot enhance it")
        if self.train_on_enhanced and self.enhance is None:
            raise ValueError("train_on_enhanced needs an enhancer in enhance")
        return self
