"""Training a classifier of motion's resolution: labels from a codec's costs, stage, validation."""
