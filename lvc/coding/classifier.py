"""A trained classifier for an encoder's choice among resolutions."""

import torch

from lvc.codec import Choice
from lvc.config.contract import ConfigError
from lvc.errors import UserError
from lvc.export import load_export
from lvc.structures.motion_resolution import MotionResolution


def load_classifier(choice: Choice | None, device: torch.device) -> None:
    """Give a choice the classifier that it asks for.

    Raises:
        UserError: If its export is none of a classifier, or of one that knows other factors.
    """
    if not isinstance(choice, MotionResolution) or choice.config.classifier is None:
        return
    key, path = "motion_resolution.classifier", choice.config.classifier
    try:
        export = load_export(path, str(device), codec_only=False)
    except UserError as error:
        raise ConfigError(key, str(error)) from None
    if export.config.name != "resolution_classifier":
        raise ConfigError(key, f"{path}: is of {export.config.name}; name an export of model=resolution_classifier")
    if export.config.factors != choice.factors:
        knows = f"{path} knows factors {list(export.config.factors)}"
        raise ConfigError(key, f"{knows}, and motion_resolution.factors are {list(choice.factors)}")
    choice.classifier = export.codec
