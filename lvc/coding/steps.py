"""Generators that leave their caller's threads and autograd mode as they are, also while they are open."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


def stepwise(steps: Iterator[T], threads: int) -> Iterator[T]:
    """What ``steps`` yields, each step computed with so many CPU threads, and the caller's between them."""
    try:
        while True:
            with _threads(threads):
                try:
                    item = next(steps)
                except StopIteration:
                    return
            yield item
    finally:
        steps.close()


def outside(items: Iterable[T]) -> Iterator[T]:
    """A caller's items, made in the caller's autograd mode though they are asked for in inference mode."""
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def each() -> Iterator[T]:
        own = iter(items)
        while True:
            with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
                try:
                    item = next(own)
                except StopIteration:
                    return
            yield item

    return each()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if before != count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
