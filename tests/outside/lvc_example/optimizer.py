"""An optimiser: steps of one length, along the sign of the gradient."""

import torch


class SignDescent(torch.optim.Optimizer):
    """Sign descent."""

    def __init__(self, params, lr: float):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        """One step."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter -= group["lr"] * parameter.grad.sign()
        return loss
